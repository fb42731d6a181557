import { describe, expect, it } from "vitest";
import { readWords } from "../../src/cli/options.ts";

describe("readWords", () => {
  it.each([
    [["--a", "1", "--a", "2"], { a: ["1", "2"] }, []],
    [["--a=b=c", "word"], { a: ["b=c"] }, ["word"]],
    [["--flag", "word"], { flag: ["true"] }, ["word"]],
    [["--flag", "false"], { flag: ["false"] }, []],
    [["--run", "-c 8192 -ngl 99"], { run: ["-c 8192 -ngl 99"] }, []],
    [["--limit", "-5"], { limit: ["-5"] }, []],
    [["--a", "--b"], { a: ["true"], b: ["true"] }, []],
    [[], {}, []],
  ])("%j", (argv, options, words) => {
    const read = readWords(argv, (name) => name === "flag");
    expect(Object.fromEntries(read.options)).toEqual(options);
    expect(read.words).toEqual(words);
  });
});
