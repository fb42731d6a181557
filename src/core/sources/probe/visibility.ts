/** Which devices the environment shows to a runtime: `CUDA_VISIBLE_DEVICES` and its relatives. */

/**
 * Indices into `uuids` that a value selects, in its order; undefined = no restriction. CUDA stops at the first invalid entry;
 * an empty value, `-1` and `NoDevFiles` show none.
 */
export function visibleIndices(value: string | undefined, uuids: readonly (string | undefined)[]): readonly number[] | undefined {
  if (value === undefined || value.trim().toLowerCase() === "all") return undefined;
  const chosen: number[] = [];
  for (const token of value.split(",").map((part) => part.trim())) {
    const index = /^\d{1,3}$/.test(token) ? Number(token) : /^(GPU|MIG)-/.test(token) ? uuids.findIndex((uuid) => uuid?.startsWith(token)) : -1;
    if (index < 0 || index >= uuids.length || chosen.includes(index)) break;
    chosen.push(index);
  }
  return chosen;
}
