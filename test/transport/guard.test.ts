import { describe, expect, it } from "vitest";
import { judge, objectionTo } from "../../src/transport/guard.ts";

const open = { allowedHosts: [], allowedOrigins: [], token: undefined };

describe("judge", () => {
  it.each([
    ["this machine", { host: "127.0.0.1:3917" }, open, "allowed"],
    ["this machine over IPv6", { host: "[::1]:3917" }, open, "allowed"],
    ["a page of this machine", { host: "localhost", origin: "http://localhost:5173" }, open, "allowed"],
    ["no host", {}, open, "refused"],
    ["a foreign host", { host: "evil.example:3917" }, open, "refused"],
    ["a host that only begins like ours", { host: "localhost.evil.example" }, open, "refused"],
    ["a foreign page", { host: "localhost", origin: "https://evil.example" }, open, "refused"],
    [
      "a page that only begins like ours",
      { host: "localhost", origin: "http://localhost.evil.example" },
      open,
      "refused",
    ],
    ["a page without an origin", { host: "localhost", origin: "null" }, open, "refused"],
    ["a file", { host: "localhost", origin: "file://localhost" }, open, "refused"],
    ["an allowed host", { host: "box.example:80" }, { ...open, allowedHosts: ["box.example"] }, "allowed"],
    [
      "an allowed page",
      { host: "localhost", origin: "https://a.example" },
      { ...open, allowedOrigins: ["https://a.example"] },
      "allowed",
    ],
    ["no token", { host: "localhost" }, { ...open, token: "s3cret" }, "refused"],
    ["a wrong token", { host: "localhost", authorization: "Bearer s3cre" }, { ...open, token: "s3cret" }, "refused"],
    ["the token", { host: "localhost", authorization: "bearer s3cret" }, { ...open, token: "s3cret" }, "allowed"],
  ] as const)("%s", (_, headers, options, outcome) => {
    expect(judge(headers, options, true).outcome).toBe(outcome);
  });
});

describe("objectionTo", () => {
  it("asks for a token off this machine only", () => {
    expect(["127.0.0.1", "127.1.2.3", "localhost", "::1"].map((host) => objectionTo(host, undefined))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(objectionTo("0.0.0.0", undefined)).toContain("MODELFIT_TOKEN");
    expect(objectionTo("0.0.0.0", "s3cret")).toBeUndefined();
  });
});
