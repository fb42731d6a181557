/** The open HTTP sessions: bounded in number, the longest unused goes first, and none outlives half an hour of silence. */
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import type { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

export type Session =
  | { readonly kind: "streamable"; readonly server: Server; readonly transport: StreamableHTTPServerTransport }
  | { readonly kind: "sse"; readonly server: Server; readonly transport: SSEServerTransport };

const MAX_SESSIONS = 64;
const IDLE_MS = 30 * 60 * 1000;

export function sessionTable() {
  // a Map keeps insertion order: the first entry is the longest unused
  const sessions = new Map<string, { readonly session: Session; timer: NodeJS.Timeout }>();

  const remove = (id: string) => {
    const entry = sessions.get(id);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    sessions.delete(id);
    entry.session.server.close().catch(() => {});
  };
  const startTimer = (id: string) => setTimeout(() => remove(id), IDLE_MS).unref();

  return {
    add(id: string, session: Session): void {
      const [oldest] = sessions.keys();
      if (sessions.size >= MAX_SESSIONS && oldest !== undefined) remove(oldest);
      sessions.set(id, { session, timer: startTimer(id) });
    },
    find(id: string): Session | undefined {
      const entry = sessions.get(id);
      if (entry === undefined) return undefined;
      clearTimeout(entry.timer);
      sessions.delete(id);
      sessions.set(id, { session: entry.session, timer: startTimer(id) });
      return entry.session;
    },
    remove,
    async closeAll(): Promise<void> {
      for (const id of [...sessions.keys()]) remove(id);
    },
  };
}
