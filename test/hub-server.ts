/** A server on loopback that speaks the part of the Hub's API that is used: file tree, files by range, ETags, redirects, search; and misbehaves on demand. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A file: a text, or the first bytes of one of `sizeBytes` (zeros follow). */
export type ServedFile = string | { readonly start: Uint8Array; readonly sizeBytes: number };

export type Fault =
  /** this many answers with a status, then as usual */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly times: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** the connection breaks in the middle of the body, this many times */
  | { readonly kind: "cut"; readonly times: number }
  /** never an answer */
  | { readonly kind: "silent" }
  /** a byte now and then, never the end */
  | { readonly kind: "drip" }
  /** another range than was asked for */
  | { readonly kind: "wrong-range" }
  /** more bytes promised than sent */
  | { readonly kind: "short" }
  /** the whole file whatever was asked for */
  | { readonly kind: "no-ranges" };

export interface HubServer {
  readonly url: string;
  readonly asked: Asked[];
  /** by `owner/name` */
  readonly repos: Map<string, Record<string, ServedFile>>;
  /** by the path of the address; files answer through a redirect to another origin when `redirects` is set */
  readonly faults: Map<string, Fault>;
  /** of a search's rows; 1000 and fewer where it says nothing */
  readonly downloads: Map<string, number>;
  redirects: boolean;
  close(): Promise<void>;
}

export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly status: number;
  readonly sentBytes: number;
}

const sizeOf = (file: ServedFile): number => (typeof file === "string" ? Buffer.byteLength(file) : file.sizeBytes);
const etagOf = (file: ServedFile): string => {
  const hash = createHash("sha256")
    .update(typeof file === "string" ? file : file.start)
    .update(String(sizeOf(file)));
  return `"${hash.digest("hex").slice(0, 20)}"`;
};

function slice(file: ServedFile, start: number, end: number): Buffer {
  const known = typeof file === "string" ? Buffer.from(file) : Buffer.from(file.start);
  const part = Buffer.alloc(end - start);
  known.copy(part, 0, start, Math.min(end, known.length));
  return part;
}

export async function startHub(): Promise<HubServer> {
  const asked: Asked[] = [];
  const repos = new Map<string, Record<string, ServedFile>>();
  const faults = new Map<string, Fault>();
  const downloads = new Map<string, number>();
  const counts = new WeakMap<Fault, number>();

  const answer = (request: IncomingMessage, response: ServerResponse): unknown => {
    const address = new URL(request.url ?? "/", "http://localhost");
    const path = decodeURIComponent(address.pathname);
    const { authorization, range } = request.headers;
    const send = (status: number, headers: Readonly<Record<string, string | number>>, body?: Buffer): void => {
      asked.push({ path, authorization, range, status, sentBytes: body?.length ?? 0 });
      response.writeHead(status, { "content-length": body?.length ?? 0, ...headers }).end(body);
    };
    const fault = faults.get(path);
    const count = (fault && counts.get(fault)) ?? 0;
    if (fault) counts.set(fault, count + 1);
    if (fault?.kind === "silent") {
      asked.push({ path, authorization, range, status: 0, sentBytes: 0 });
      return undefined;
    }
    if (fault?.kind === "status" && count < fault.times) return send(fault.status, fault.headers ?? {});

    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/main\/?$/.exec(path);
    const file = /^(?:\/cdn)?\/([^/]+\/[^/]+)\/resolve\/main\/(.+)$/.exec(path);
    const json = (value: unknown): unknown => {
      const body = Buffer.from(JSON.stringify(value));
      const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 20)}"`;
      if (request.headers["if-none-match"] === etag) return send(304, { etag });
      return send(200, { "content-type": "application/json", etag }, body);
    };
    if (path === "/api/models") {
      const words = (address.searchParams.get("search") ?? "").toLowerCase();
      const author = address.searchParams.get("author");
      return json(
        [...repos.keys()]
          .filter((repo) => repo.toLowerCase().includes(words) && (author === null || repo.startsWith(`${author}/`)))
          .map((id, index) => ({
            id,
            downloads: downloads.get(id) ?? 1000 - index,
            likes: index,
            gated: false,
            pipeline_tag: "text-generation\u0007",
            lastModified: "2026-03-04T05:06:07.000Z",
          })),
      );
    }
    const files = repos.get(tree?.[1] ?? file?.[1] ?? "");
    if (files === undefined) return send(404, { "x-error-code": "RepoNotFound" });
    if (tree)
      return json(
        Object.entries(files).map(([name, content]) => ({ type: "file", path: name, oid: "0", size: sizeOf(content) })),
      );
    const content = files[file?.[2] ?? ""];
    if (content === undefined) return send(404, { "x-error-code": "EntryNotFound" });
    if (hub.redirects && !path.startsWith("/cdn")) {
      // another port would be another origin too; "localhost" is one to 127.0.0.1
      const target = hub.url.replace("127.0.0.1", "localhost");
      return send(302, { location: `${target}/cdn${address.pathname}`, "x-linked-etag": etagOf(content) });
    }

    const etag = etagOf(content);
    if (request.headers["if-none-match"] === etag) return send(304, { etag });
    const size = sizeOf(content);
    const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
    const ranged = match !== null && fault?.kind !== "no-ranges";
    const start = ranged ? Math.min(Number(match[1]), size) : 0;
    const end = ranged ? Math.min(Number(match[2]) + 1, size) : size;
    const shift = fault?.kind === "wrong-range" ? 16 : 0;
    const headers = {
      etag,
      ...(ranged ? { "content-range": `bytes ${start + shift}-${end + shift - 1}/${size}` } : {}),
    };
    if (fault?.kind === "no-ranges") {
      asked.push({ path, authorization, range, status: 200, sentBytes: 0 });
      response.writeHead(200, { etag, "content-length": size });
      // as a server sends a large file: piece by piece, until the reader has had enough
      let at = 0;
      const more = (): unknown => {
        while (at < size && !response.destroyed) {
          const piece = slice(content, at, Math.min(at + 65_536, size));
          at += piece.length;
          if (!response.write(piece)) return response.once("drain", more);
        }
        return response.end();
      };
      return more();
    }
    const body = slice(content, start, end);
    if (fault?.kind === "drip") {
      asked.push({ path, authorization, range, status: 206, sentBytes: 1 });
      response.writeHead(206, { ...headers, "content-length": body.length });
      return response.write(body.subarray(0, 1));
    }
    if ((fault?.kind === "cut" && count < fault.times) || fault?.kind === "short") {
      asked.push({ path, authorization, range, status: 206, sentBytes: body.length / 2 });
      response.writeHead(ranged ? 206 : 200, { ...headers, "content-length": body.length });
      return response.write(body.subarray(0, body.length / 2), () => response.destroy());
    }
    return send(ranged ? 206 : 200, headers, body);
  };

  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, () => done()));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const hub: HubServer = {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    repos,
    faults,
    downloads,
    redirects: false,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
  return hub;
}
