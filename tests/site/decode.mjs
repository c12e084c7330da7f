// Decode inputs with the very file that the page serves: node decode.mjs FOLDER < inputs > images, both JSON.
import { readFileSync } from "node:fs";
import { decode, readWeights } from "../../docs/assets/demo/decoder.js";

const [folder] = process.argv.slice(2);
const bytes = readFileSync(`${folder}/decoder.bin`);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const weights = readWeights(buffer, JSON.parse(readFileSync(`${folder}/decoder.json`, "utf-8")));
const inputs = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(inputs.map(([digit, z1, z2]) => Array.from(decode(weights, digit, z1, z2)))));
