/**
 * What a reading thread runs. As text, because a bundle carries text everywhere and a file of its own nowhere.
 * Told `{ go: Int32Array over shared memory, module, bytes }`, it fills its memory, says "ready", waits until `go[0]` changes to the number
 * of a round, and reads on and on until it changes again; then it says how many bytes that were in how many seconds. -1 ends it.
 */
export const readWorker = `
const { parentPort, workerData } = require("node:worker_threads");
const { go, module, bytes } = workerData;
const memory = new WebAssembly.Memory({ initial: bytes / 65536, maximum: bytes / 65536 });
new Int32Array(memory.buffer).fill(0x5a5a5a5a);
const { read } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } }).exports;
const STEP = 4194304;
let sum = read(0, bytes);
parentPort.postMessage({ ready: true });
for (let round = 0; ; ) {
  Atomics.wait(go, 0, round);
  const told = Atomics.load(go, 0);
  if (told < 0) break;
  if (told === round || told % 2 === 0) { round = told; continue; }
  round = told;
  let at = 0, done = 0;
  const start = process.hrtime.bigint();
  while (Atomics.load(go, 0) === round) {
    sum ^= read(at, at + STEP);
    done += STEP;
    at = at + STEP >= bytes ? 0 : at + STEP;
  }
  parentPort.postMessage({ round, bytes: done, seconds: Number(process.hrtime.bigint() - start) / 1e9, sum });
}
`;
