/** Who may speak to the HTTP server: pure checks on a request's headers, against DNS rebinding, foreign pages and strangers. */
import { createHash, timingSafeEqual } from "node:crypto";

export interface GuardOptions {
  /** host names besides this machine's own, without port */
  readonly allowedHosts: readonly string[];
  /** origins besides pages of this machine, e.g. `https://example.org` */
  readonly allowedOrigins: readonly string[];
  readonly token: string | undefined;
}

export type Verdict =
  | { readonly outcome: "allowed" }
  | { readonly outcome: "refused"; readonly status: 401 | 403; readonly reason: string };

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Why one must not listen there; undefined when one may. Off this machine's loopback a token is needed. */
export function objectionTo(host: string, token: string | undefined): string | undefined {
  const loopback = loopbackNames.has(host) || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
  if (loopback || token !== undefined) return undefined;
  return `Serving on ${host} lets others in. Set MODELFIT_TOKEN to a secret that clients send as a bearer token.`;
}

interface Headers {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly authorization?: string | undefined;
}

/** A preflight carries no token, so `needsToken` is false for it. */
export function judge(headers: Headers, options: GuardOptions, needsToken: boolean): Verdict {
  const host = (headers.host ?? "").toLowerCase().replace(/:\d+$/, "");
  if (!loopbackNames.has(host) && !options.allowedHosts.includes(host)) {
    return {
      outcome: "refused",
      status: 403,
      reason: "This Host is not allowed. Start with --allowed-host to allow it.",
    };
  }
  if (headers.origin !== undefined && !originAllowed(headers.origin, options)) {
    return {
      outcome: "refused",
      status: 403,
      reason: "This Origin is not allowed. Start with --allowed-origin to allow it.",
    };
  }
  if (needsToken && options.token !== undefined && !bearerMatches(headers.authorization, options.token)) {
    return {
      outcome: "refused",
      status: 401,
      reason: "A bearer token is needed. Send it in the Authorization header.",
    };
  }
  return { outcome: "allowed" };
}

function originAllowed(origin: string, options: GuardOptions): boolean {
  if (options.allowedOrigins.includes(origin)) return true;
  try {
    const url = new URL(origin);
    return (url.protocol === "http:" || url.protocol === "https:") && loopbackNames.has(url.hostname);
  } catch {
    return false;
  }
}

/** Compares digests, so that neither time nor length tells anything of the token. */
function bearerMatches(authorization: string | undefined, token: string): boolean {
  const sent = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1] ?? "";
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(sent), digest(token));
}
