/** The page for people: its own script, in a small document, against the real HTTP server and tools. */
import { createContext, runInContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { pageHtml } from "../../src/apps/html.ts";
import { buildServer } from "../../src/server.ts";
import { type RunningHttp, serveHttp } from "../../src/transport/http.ts";
import { answersHere } from "../../src/work/answers.ts";
import { fakeWorld } from "../fake-world.ts";
import { pageFaults, scriptOf, smallDocument } from "./small-document.ts";

let running: RunningHttp;
beforeAll(async () => {
  const options = {
    host: "127.0.0.1",
    port: 0,
    sse: false,
    allowedHosts: [],
    allowedOrigins: [],
    token: "s3cret",
    page: pageHtml,
  };
  running = await serveHttp(() => buildServer(answersHere(fakeWorld({})), { remote: true }), options);
});
afterAll(() => running.close());

function openPage() {
  const document = smallDocument(pageHtml);
  const fetchHere = (path: string, init: RequestInit) => fetch(new URL(path, running.url), init);
  runInContext(
    scriptOf(pageHtml),
    createContext({
      document,
      fetch: fetchHere,
      AbortController,
      TextDecoderStream,
      setTimeout,
      clearTimeout,
      navigator: {},
    }),
  );
  const by = document.getElementById;
  const settled = async () => {
    await vi.waitFor(() => expect(by("status").textContent).not.toMatch(/…$|^$| %$/), {
      timeout: 20_000,
      interval: 20,
    });
    return by("status").textContent;
  };
  return {
    by,
    ask(act: string, values: Readonly<Record<string, string>>) {
      for (const [id, value] of Object.entries(values)) by(id).value = value;
      by("status").textContent = "";
      by("ask").dispatch("submit", { submitter: { dataset: { act } } });
      return settled();
    },
  };
}
const workstation = { hardware: "rtx-4090, ram=64GiB", useCase: "coding" };

describe("the page", () => {
  it("carries everything with it", () => expect(pageFaults(pageHtml)).toEqual([]));

  it("labels every field", () => {
    for (const [, tag = ""] of pageHtml.matchAll(/(<label[\s\S]*?<\/label>)/g))
      expect(tag).toMatch(/<(input|select)\b/);
    expect([...pageHtml.matchAll(/<(input|select)\b/g)]).toHaveLength([...pageHtml.matchAll(/<label\b/g)].length);
  });

  it("is served with a policy that allows its own script and this server alone, without the token", async () => {
    const response = await fetch(`${running.url}/`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(pageHtml);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; connect-src 'self';/,
    );
    expect(policy).not.toContain("unsafe");
  });

  it("asks for the token, then answers all four questions", async () => {
    const page = openPage();
    expect(await page.ask("rank", workstation)).toMatch(/bearer token/i);
    expect(page.by("tokenField").hidden).toBe(false);

    expect(await page.ask("rank", { ...workstation, token: "s3cret" })).toBe("Done.");
    const answer = page.by("answer");
    expect(answer.all("tr").length).toBeGreaterThan(5);
    expect(answer.all("button").length).toBeGreaterThan(5);

    expect(await page.ask("fit", { ...workstation, model: "qwen3-8b:Q4_K_M" })).toBe("Done.");
    expect(answer.textContent).toMatch(/weights.*GiB.*tok\/s/);
    expect(answer.all("meter")).toHaveLength(1);

    expect(await page.ask("plan", { ...workstation, context: "8192" })).toBe("Done.");
    expect(
      answer
        .all("pre")
        .map((block) => block.textContent)
        .join(),
    ).toMatch(/llama-server.*-c 8192/);

    expect(await page.ask("frontier", { ...workstation, context: "" })).toBe("Done.");
    expect(answer.all("svg")).toHaveLength(1);
    expect(answer.all("circle").length).toBeGreaterThan(1);
  }, 60_000);

  it("tells what the server refused", async () => {
    const page = openPage();
    expect(await page.ask("plan", { token: "s3cret", model: "" })).toBe("Name a model first.");
    expect(await page.ask("fit", { hardware: "rtx-4099", model: "qwen3-8b" })).toContain("rtx-409");
    expect(page.by("status").className).toBe("error");
  });

  it("suggests ids from the catalogs", async () => {
    const page = openPage();
    page.by("token").value = "s3cret";
    page.by("hardware").value = "rtx-409";
    page.by("hardware").dispatch("input");
    await vi.waitFor(
      () =>
        expect(
          page
            .by("devices")
            .all("option")
            .map(({ value }) => value),
        ).toContain("rtx-4090"),
      5000,
    );
  });
});
