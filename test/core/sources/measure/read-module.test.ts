import { describe, expect, it } from "vitest";
import { readModule, TURN_BYTES } from "../../../../src/core/sources/measure/read-module.ts";

interface Memory {
  readonly buffer: ArrayBuffer;
}
declare const WebAssembly: {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  readonly Memory: new (size: { readonly initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly m: { readonly m: Memory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

describe("the reading module", () => {
  it("is valid WebAssembly, and small", () => {
    expect(WebAssembly.validate(readModule())).toBe(true);
    expect(readModule().length).toBeLessThan(400);
  });
  it("reads every word from its first to its last address, and no other", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const words = new Int32Array(memory.buffer);
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2_654_435_761);
    const { read } = new WebAssembly.Instance(new WebAssembly.Module(readModule()), { m: { m: memory } }).exports;
    if (typeof read !== "function") throw new Error("no function");
    const digest = (from: number, to: number): number =>
      words.slice(from / 4, to / 4).reduce((sum, word) => sum ^ word, 0);
    const all = memory.buffer.byteLength;
    for (const [from, to] of [
      [0, TURN_BYTES],
      [TURN_BYTES, 3 * TURN_BYTES],
      [4096, 8192],
      [0, all],
    ] as const) {
      expect(read(from, to), `${from} to ${to}`).toBe(digest(from, to));
    }
    words[1000] = 7;
    expect(read(0, all)).toBe(digest(0, all));
  });
});
