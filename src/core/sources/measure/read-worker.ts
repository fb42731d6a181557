/**
 * What a reading thread runs. As text, because a bundle carries text everywhere and a file of its own nowhere.
 * Told `{ go: Int32Array over shared memory, module, bytes }`, it fills its memory, says "ready", waits until `go[0]` changes to the (odd)
 * number of a round, and reads 1 MiB after the other until it changes again; then it says when each was done, in seconds of the system's
 * steady clock, which all threads share. -1 ends it.
 */
export const readWorker = `
const { parentPort, workerData } = require("node:worker_threads");
const { go, module, bytes } = workerData;
const memory = new WebAssembly.Memory({ initial: bytes / 65536, maximum: bytes / 65536 });
new Int32Array(memory.buffer).fill(0x5a5a5a5a);
const { read } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } }).exports;
const STEP = 1048576;
const stamps = new Float64Array(65536);
const seconds = () => { const [whole, nano] = process.hrtime(); return whole + nano / 1e9; };
let sum = read(0, bytes);
parentPort.postMessage({ ready: true });
for (let round = 0; ; ) {
  Atomics.wait(go, 0, round);
  const told = Atomics.load(go, 0);
  if (told < 0) break;
  if (told === round || told % 2 === 0) { round = told; continue; }
  round = told;
  let at = 0, count = 1;
  stamps[0] = seconds();
  while (Atomics.load(go, 0) === round && count < stamps.length) {
    sum ^= read(at, at + STEP);
    stamps[count++] = seconds();
    at = at + STEP >= bytes ? 0 : at + STEP;
  }
  parentPort.postMessage({ stamps: stamps.slice(0, count), sum });
}
`;

/** Bytes between two stamps. */
export const STEP_BYTES = 1_048_576;
