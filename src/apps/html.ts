/** The two pages as text; the build puts their text here. */
import { readFileSync } from "node:fs";

const textOf = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** for people, at `/` of the HTTP server */
export const pageHtml = textOf("page.html");
/** for hosts that show MCP Apps beside the answer of `pareto_frontier` */
export const frontierHtml = textOf("frontier.html");
