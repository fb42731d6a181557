/** `tools/list` as it is sent. The build puts the value in this module's place, so that a running server need not work it out. */
import { describeTools } from "./adapter.ts";
import { tools } from "./index.ts";

export const listed = describeTools(tools);
