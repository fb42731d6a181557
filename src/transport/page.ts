/** The page for people, with headers that let it run its own script and style, speak to this server, and nothing else. */
import { createHash } from "node:crypto";

export interface ServedPage {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Its one script and one style are allowed by their digests, so that nothing that gets into the page can run. */
export function servedPage(html: string): ServedPage {
  const digestOf = (tag: string) => {
    const inside = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? "";
    return `'sha256-${createHash("sha256").update(inside).digest("base64")}'`;
  };
  const policy = [
    "default-src 'none'",
    `script-src ${digestOf("script")}`,
    `style-src ${digestOf("style")}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    html,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy.join("; "),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cache-control": "no-cache",
    },
  };
}
