export function zip(files: readonly (readonly [path: string, contents: Uint8Array])[]): Buffer;
