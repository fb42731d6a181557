/** Through the tool, as a client calls it: `fit_model` with a row's own command line gives that row's bytes, in every family and placement. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { placementOf } from "../truth/compare-memory.ts";
import { allMemoryRows } from "../truth/measure.ts";
import { type MemoryRow, truthFolder } from "../truth/rows.ts";
import { StdioSession } from "./program.ts";

const use = z.object({ modelBytes: z.number(), contextBytes: z.number(), computeBytes: z.number() });
const answer = z.object({ memory: z.object({ devices: z.array(use), host: use }) });

let session: StdioSession;
beforeAll(async () => {
  session = new StdioSession();
  await session.initialize();
});
afterAll(() => void session.child.kill());

/** The first row of every architecture × program × placement. */
function oneOfEachKind(): MemoryRow[] {
  const kinds = new Map<string, MemoryRow>();
  for (const row of allMemoryRows(truthFolder)) {
    const kind = [row.architecture, row.program, placementOf(row)].join(" ");
    if (!kinds.has(kind)) kinds.set(kind, row);
  }
  return [...kinds.values()];
}

const rows = oneOfEachKind();

test("there is a row of every family", () => {
  expect(rows.length).toBeGreaterThanOrEqual(150);
  expect(new Set(rows.map(({ architecture }) => architecture)).size).toBe(21);
});

test.for(rows)("$model $program $args", async (row) => {
  const count = row.devices.length;
  const devices = count === 0 ? "cpu" : `${count}x custom(memory=1024GiB, bandwidth=1000GBps, backend=rpc)`;
  const slots = row.sequences === undefined ? "" : ` -np ${row.sequences}${row.unifiedCache ? " -kvu" : ""}`;
  const { content, structuredContent, isError } = await session.call("fit_model", {
    model: join(truthFolder, "gguf", `${row.model}-${row.recipe}.gguf`),
    hardware: `${devices}, ram=1024GiB`,
    run: `${row.program} ${row.args}${slots}`,
  });
  expect(isError, content[0]?.text).toBeFalsy();
  const { memory } = answer.parse(structuredContent);
  expect([...memory.devices, memory.host]).toEqual(
    [...row.devices, row.host].map((bytes) => expect.objectContaining({ ...bytes })),
  );
});
