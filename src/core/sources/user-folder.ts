/** Where this program keeps a user's own files: what was measured here, and the machines the user described. */
import { join } from "node:path";
import type { World } from "./world.ts";

const NAME = "modelfit-mcp";

type Home = Pick<World, "env" | "homeDir" | "platform">;

/** Data that must survive: `$XDG_DATA_HOME`, or the system's own place for it. */
export function userDataFolder({ env, homeDir, platform }: Home): string {
  const xdg = env["XDG_DATA_HOME"];
  if (xdg) return join(xdg, NAME);
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(homeDir, "AppData", "Local"), NAME);
  if (platform === "darwin") return join(homeDir, "Library", "Application Support", NAME);
  return join(homeDir, ".local", "share", NAME);
}

/** What the user writes: `$XDG_CONFIG_HOME`, or the system's own place for it. */
export function userConfigFolder({ env, homeDir, platform }: Home): string {
  const xdg = env["XDG_CONFIG_HOME"];
  if (xdg) return join(xdg, NAME);
  if (platform === "win32") return join(env["APPDATA"] ?? join(homeDir, "AppData", "Roaming"), NAME);
  if (platform === "darwin") return join(homeDir, "Library", "Application Support", NAME);
  return join(homeDir, ".config", NAME);
}

/** Files that may vanish: `$XDG_CACHE_HOME`, or the system's own place for it. */
export function userCacheFolder({ env, homeDir, platform }: Home): string {
  const xdg = env["XDG_CACHE_HOME"];
  if (xdg) return join(xdg, NAME);
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(homeDir, "AppData", "Local"), NAME, "Cache");
  if (platform === "darwin") return join(homeDir, "Library", "Caches", NAME);
  return join(homeDir, ".cache", NAME);
}
