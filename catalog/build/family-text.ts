/** A family's file as text. */

/** One row a line, so that a change shows as the rows it touches. */
export function familyText(family: string, architectures: readonly object[], models: readonly object[]): string {
  const rows = (items: readonly object[]): string => items.map((item) => `    ${JSON.stringify(item)}`).join(",\n");
  return `{\n  "family": ${JSON.stringify(family)},\n  "architectures": [\n${rows(architectures)}\n  ],\n  "models": [\n${rows(models)}\n  ]\n}\n`;
}
