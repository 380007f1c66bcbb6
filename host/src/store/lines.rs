//! What a format keeps with a layout.

/// The text of a layout without its numbers: for each place, in the order in which they are shown, the bytes that
/// stand before the value, a family's header included where it begins. The text formats make and read it.
pub(crate) struct Lines {
    pub(crate) text: Vec<u8>,
    pub(crate) ends: Vec<u32>,
    /// The families that are known only at run time, whole: their values belong to the layout.
    pub(crate) runtime: Vec<u8>,
}
