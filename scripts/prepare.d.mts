export const root: string;
export function ensureInstalled(): void;
export function ensureBuilt(): Promise<void>;
