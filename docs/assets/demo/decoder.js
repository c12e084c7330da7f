// The decoder of the post, in plain JavaScript: no page, no canvas, so that Node can test this very file.
//
// decoder.bin holds the weights as 16-bit floats, end to end, in the order that decoder.json lists them:
//   dense.kernel [12, 784]      two latents and a one-hot digit, to 7 x 7 pixels of 16 channels
//   conv.kernel  [3, 3, 16, 16] on 14 x 14 pixels, each of the 7 x 7 doubled
//   out.kernel   [3, 3, 16, 4]  whose four channels are a block of 2 x 2 pixels of the digit

export const SIDE = 28;
const CHANNELS = 16;

/** A 16-bit float as a number. */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The weights by name, from the bytes of decoder.bin and the list of decoder.json. */
export function readWeights(buffer, { layers }) {
  const view = new DataView(buffer);
  const weights = {};
  let offset = 0;
  for (const [name, shape] of layers) {
    const values = new Float32Array(shape.reduce((product, length) => product * length));
    for (let i = 0; i < values.length; i++, offset += 2) values[i] = half(view.getUint16(offset, true));
    weights[name] = values;
  }
  if (offset !== buffer.byteLength) throw new Error(`the weights have ${buffer.byteLength} bytes, not ${offset}`);
  return weights;
}

/** target += scale * row, where the row begins at `start` of `from`, and goes to `at` in the target. */
function addRow(target, at, from, start, length, scale) {
  for (let i = 0; i < length; i++) target[at + i] += scale * from[start + i];
}

function relu(values) {
  for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  return values;
}

/**
 * Convolve by 3 x 3 with the size kept. Each input that is not zero adds a scaled row of the kernel to the outputs
 * around it, so what ReLU has put out costs nothing.
 */
function convolve(input, side, kernel, bias) {
  const outputs = bias.length;
  const result = new Float32Array(side * side * outputs);
  for (let i = 0; i < result.length; i++) result[i] = bias[i % outputs];
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++)
      for (let channel = 0; channel < CHANNELS; channel++) {
        const value = input[(row * side + column) * CHANNELS + channel];
        if (value === 0) continue;
        for (let i = Math.max(0, row + 2 - side); i < Math.min(3, row + 2); i++)
          for (let j = Math.max(0, column + 2 - side); j < Math.min(3, column + 2); j++) {
            const at = ((row + 1 - i) * side + column + 1 - j) * outputs;
            addRow(result, at, kernel, ((i * 3 + j) * CHANNELS + channel) * outputs, outputs, value);
          }
      }
  return result;
}

/** Every pixel as a block of two by two. */
function double(input, side) {
  const result = new Float32Array(4 * side * side * CHANNELS);
  for (let row = 0; row < 2 * side; row++)
    for (let column = 0; column < 2 * side; column++) {
      const from = ((row >> 1) * side + (column >> 1)) * CHANNELS;
      result.set(input.subarray(from, from + CHANNELS), (row * 2 * side + column) * CHANNELS);
    }
  return result;
}

/** For each of the 784 pixels, row by row, the probability that it is ink. */
export function decode(weights, digit, z1, z2) {
  const hidden = Float32Array.from(weights["dense.bias"]);
  [[0, z1], [1, z2], [2 + digit, 1]].forEach(([row, scale]) =>
    addRow(hidden, 0, weights["dense.kernel"], row * hidden.length, hidden.length, scale),
  );
  const features = relu(convolve(double(relu(hidden), 7), 14, weights["conv.kernel"], weights["conv.bias"]));
  const logits = convolve(features, 14, weights["out.kernel"], weights["out.bias"]);
  const ink = new Float32Array(SIDE * SIDE);
  for (let row = 0; row < SIDE; row++)
    for (let column = 0; column < SIDE; column++) {
      const block = ((row >> 1) * 14 + (column >> 1)) * 4;
      ink[row * SIDE + column] = 1 / (1 + Math.exp(-logits[block + 2 * (row & 1) + (column & 1)]));
    }
  return ink;
}
