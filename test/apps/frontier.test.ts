/** The view of `pareto_frontier`: its own script in a small document, spoken to as a host does, with a real answer. */
import { createContext, runInContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { frontierHtml } from "../../src/apps/html.ts";
import { listed as lists } from "../../src/resources/listed.ts";
import { listed as tools } from "../../src/tools/listed.ts";
import { answersHere } from "../../src/work/answers.ts";
import { fakeWorld } from "../fake-world.ts";
import { pageFaults, type SmallElement, scriptOf, smallDocument } from "./small-document.ts";

interface Said {
  readonly jsonrpc: string;
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** A host that answers the first request and keeps what it is told. */
async function openView() {
  const document = smallDocument(frontierHtml);
  const said: Said[] = [];
  const listeners: ((event: object) => void)[] = [];
  const parent = { postMessage: (message: Said) => said.push(JSON.parse(JSON.stringify(message))) };
  const window = {
    parent,
    addEventListener: (_: string, listener: (event: object) => void) => listeners.push(listener),
  };
  const style = new Map<string, string>();
  Object.assign(document.documentElement, {
    style: { setProperty: (name: string, value: string) => style.set(name, value) },
  });
  runInContext(scriptOf(frontierHtml), createContext({ document, window, queueMicrotask }));
  const tell = (data: object, source: object = parent) => {
    for (const listener of listeners) listener({ source, data: { jsonrpc: "2.0", ...data } });
  };
  expect(said[0]).toMatchObject({
    method: "ui/initialize",
    params: { protocolVersion: "2026-01-26", appInfo: {}, appCapabilities: {} },
  });
  const hostContext = { theme: "dark", styles: { variables: { "--font-sans": "serif", "bad name": "x" } } };
  tell({ id: said[0]?.id, result: { protocolVersion: "2026-01-26", hostInfo: {}, hostCapabilities: {}, hostContext } });
  await vi.waitFor(() => expect(said.some(({ method }) => method === "ui/notifications/initialized")).toBe(true));
  return { by: document.getElementById, root: document.documentElement, style, said, tell };
}

const call = answersHere(fakeWorld({})).callTool(
  "pareto_frontier",
  { model: "qwen3-8b", hardware: "rtx-4060, ram=32GiB", objectives: ["quality", "memory"] },
  { signal: new AbortController().signal, remote: false },
);
const chosen = (marks: SmallElement[]) => marks.find((mark) => mark.getAttribute("aria-selected") === "true");

describe("the view of pareto_frontier", () => {
  it("carries everything with it", () => expect(pageFaults(frontierHtml)).toEqual([]));

  it("is where the tool and the list say, as the extension wants it", async () => {
    const uri = "ui://modelfit/frontier.html";
    const tool = tools.find(({ name }) => name === "pareto_frontier");
    expect(tool?._meta).toEqual({ ui: { resourceUri: uri }, "ui/resourceUri": uri });
    expect(lists.resources.find((resource) => resource.uri === uri)).toMatchObject({
      mimeType: "text/html;profile=mcp-app",
      _meta: { ui: { csp: {}, prefersBorder: true } },
    });
    const options = { signal: new AbortController().signal, remote: true };
    expect(await answersHere(fakeWorld({})).readResource(uri, options)).toEqual({
      outcome: "page",
      html: frontierHtml,
    });
  });

  it("draws the answer, and is walked through with keys", async () => {
    const { by, tell, said, root, style } = await openView();
    expect(root.getAttribute("data-theme")).toBe("dark");
    expect([...style]).toEqual([["--font-sans", "serif"]]);
    const { structuredContent } = await call;
    tell({ method: "ui/notifications/tool-result", params: { structuredContent } });
    const points = structuredContent?.["points"];
    const count = Array.isArray(points) ? points.length : 0;
    expect(count).toBeGreaterThan(2);
    const marks = () => by("chart").all("g");
    expect(marks()).toHaveLength(count);
    expect(by("up").value).toBe("quality");
    expect(by("right").value).toBe("memory");
    expect(marks().filter((mark) => mark.getAttribute("tabindex") === "0")).toHaveLength(1);
    expect(chosen(marks())?.getAttribute("aria-label")).toMatch(/balanced/);
    expect(by("table").all("tr")).toHaveLength(count + 1);
    const press = (key: string) => chosen(marks())?.dispatch("keydown", { key });
    press("Home");
    const first = chosen(marks())?.getAttribute("aria-label");
    press("ArrowLeft");
    expect(chosen(marks())?.getAttribute("aria-label")).toBe(first);
    press("ArrowRight");
    expect(chosen(marks())).toBe(marks()[1]);
    expect(by("detail").textContent).toContain(chosen(marks())?.getAttribute("aria-label")?.split(",")[0]);
    by("right").value = "decode";
    by("right").dispatch("change");
    expect(by("chart").textContent).toContain("tok/s");
    expect(said.some(({ method }) => method === "ui/notifications/size-changed")).toBe(true);
  });

  it("listens to its host alone, survives nonsense, and ends when told", async () => {
    const { by, tell, said } = await openView();
    const before = by("summary").textContent;
    tell(
      { method: "ui/notifications/tool-result", params: { structuredContent: { points: [], summary: "evil" } } },
      {},
    );
    tell({ method: "ui/notifications/tool-result", params: { isError: true, content: [] } });
    tell({ method: "ui/notifications/tool-result" });
    expect(by("summary").textContent).toBe(before);
    tell({
      method: "ui/notifications/tool-result",
      params: { structuredContent: { points: [], summary: "Nothing fits." } },
    });
    expect(by("summary").textContent).toBe("Nothing fits.");
    tell({ id: 41, method: "ui/resource-teardown", params: {} });
    tell({ id: 42, method: "no/such" });
    expect(said.find(({ id, method }) => id === 41 && method === undefined)).toMatchObject({ result: {} });
    expect(said.find(({ id, method }) => id === 42 && method === undefined)).toMatchObject({ error: { code: -32601 } });
  });
});
