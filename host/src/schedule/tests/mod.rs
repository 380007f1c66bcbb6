//! The schedule without threads, clocks and plugins.

mod cases;
mod explore;
mod world;
