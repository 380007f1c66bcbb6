// Many lines as a map: a row each, the one with the most on top; the more, the darker.

import { colours } from './paint.js';
import { store } from './view.js';

export function heat(g, plot, lines) {
	const { left, right, top, bottom, first, end, x, most } = plot, wide = Math.max(1, Math.round(right - left)), high = lines.length;
	const image = g.createImageData(wide, high), [red, green, blue] = colours.accent.match(/\d+/g).map(Number);
	lines.forEach(({ values }, row) => {
		for (let place = Math.max(1, first); place < end; place++) {
			const value = values[place];
			if (Number.isNaN(value) || store.gaps[place]) continue;
			const from = Math.max(0, Math.floor(x(store.times[place - 1]) - left)), to = Math.min(wide, Math.ceil(x(store.times[place]) - left));
			const shade = 8 + Math.min(247, (247 * value) / most);
			for (let column = from; column < to; column++) image.data.set([red, green, blue, shade], 4 * (row * wide + column));
		}
	});
	const made = new OffscreenCanvas(wide, high);
	made.getContext('2d').putImageData(image, 0, 0);
	g.imageSmoothingEnabled = false;
	g.drawImage(made, left, top, right - left, bottom - top);
}
