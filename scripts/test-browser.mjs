/** `npm run test:browser`: the page for people and the view of pareto_frontier in a real browser. Not part of `npm test`. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";

const installed = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const playwright = await import("playwright-core").catch(() => undefined);
if (playwright === undefined) {
  console.error("This needs a browser and its driver: npm install --no-save playwright-core, and either");
  console.error("npx playwright-core install chromium, or Debian's own: apt-get install chromium.");
  process.exit(1);
}
await ensureBuilt();
const program = spawn(process.execPath, [join(root, "dist/cli.js"), "--http", "0"], {
  stdio: ["ignore", "ignore", "pipe"],
});
const url = await new Promise((resolve) => {
  program.stderr.on("data", (text) => {
    const found = /http:\/\/[\d.:]+/.exec(String(text));
    if (found) resolve(found[0]);
  });
});
const browser = await playwright.chromium.launch(installed === undefined ? {} : { executablePath: installed });
const faults = [];
const expect = (fine, words) => {
  console.error(`${fine ? "ok  " : "FAIL"} ${words}`);
  if (!fine) faults.push(words);
};
try {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  await page.getByLabel("Hardware").fill("rtx-4090, ram=64GiB");
  await page.getByLabel("Model").fill("qwen3-8b:Q4_K_M");
  for (const [button, sign] of [
    ["Does it fit?", "meter"],
    ["How do I run it?", "pre"],
    ["Trade-offs", "svg"],
    ["Which models?", "tbody tr"],
  ]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.getByRole("status").filter({ hasText: "Done." }).waitFor({ timeout: 30_000 });
    expect((await page.locator(`#answer ${sign}`).count()) > 0, `${button} shows ${sign}`);
  }
  await page.setViewportSize({ width: 360, height: 700 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  expect(!wide, "fits a telephone's width");

  // a host of our own: an iframe, the handshake, one result
  const html = readFileSync(join(root, "src/apps/frontier.html"), "utf8");
  const host = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      request.url === "/view" ? html : '<iframe src="/view" sandbox="allow-scripts" width="700" height="700"></iframe>',
    );
  });
  await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
  const view = await browser.newPage();
  view.on("pageerror", (error) => faults.push(error.message));
  await view.addInitScript(() => {
    window.addEventListener("message", ({ source, data }) => {
      if (window.parent !== window) return;
      const say = (message) => source.postMessage({ jsonrpc: "2.0", ...message }, "*");
      const point = (label, quality, mid, knee) => ({
        label,
        quality,
        memoryBytes: 2 ** 33,
        contextTokens: 8192,
        knee,
        decodeTokensPerSecond: { low: mid, mid, high: mid },
      });
      if (data.method === "ui/initialize")
        say({
          id: data.id,
          result: { protocolVersion: "2026-01-26", hostInfo: {}, hostCapabilities: {}, hostContext: { theme: "dark" } },
        });
      if (data.method === "ui/notifications/initialized")
        say({
          method: "ui/notifications/tool-result",
          params: {
            structuredContent: {
              summary: "Two points.",
              objectives: ["quality", "decode"],
              points: [point("a", 50, 20, true), point("b", 40, 60, false)],
            },
          },
        });
    });
  });
  await view.goto(`http://127.0.0.1:${host.address().port}/`);
  const frame = view.frameLocator("iframe");
  await frame.getByText("Two points.").waitFor();
  await frame.getByRole("option", { name: /^a,/ }).focus();
  await view.keyboard.press("ArrowRight");
  expect(
    (await frame.getByRole("option", { selected: true }).getAttribute("aria-label"))?.startsWith("b,"),
    "arrow keys move between points",
  );
  host.close();
} finally {
  await browser.close();
  program.kill();
}
for (const fault of faults) console.error(`fault: ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);
