/** Pages that hosts show beside a tool's answer (MCP Apps): self-contained, so that they need nothing allowed. */
import { frontierHtml } from "../apps/html.ts";
import { paretoFrontier } from "../tools/pareto-frontier.ts";

export interface View {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly html: string;
}

export const VIEW_MIME_TYPE = "text/html;profile=mcp-app";
export const viewMeta = { ui: { csp: {}, prefersBorder: true } };

export const views: readonly View[] = [
  {
    uri: paretoFrontier.view ?? "",
    name: "frontier-view",
    title: "Trade-offs as a chart",
    description: "The answer of pareto_frontier to look at: points to walk through, any two goals against each other.",
    html: frontierHtml,
  },
];
