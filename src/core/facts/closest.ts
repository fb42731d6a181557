/** The names nearest to a misspelt one, for error messages. */

/** Optimal string alignment distance: insert, delete, replace, swap neighbours. Source: Damerau 1964; recurrence of Boytsov 2011 §2.1. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}

const wordsOf = (name: string): string[] => name.toLowerCase().match(/[a-z]+|\d+/g) ?? [];

/** Share of the words of both that they have in common, 0…1: word order and separators do not count. */
function wordOverlap(a: readonly string[], b: readonly string[]): number {
  const shared = a.filter((word) => b.includes(word)).length;
  return (2 * shared) / Math.max(1, a.length + b.length);
}

/** Longer names than any we know only cost time. */
const MAX_LENGTH = 80;

/** At most `limit` candidates, the nearest first; ties keep the order given. Nothing that has next to nothing in common. */
export function closestNames(name: string, candidates: Iterable<string>, limit: number): string[] {
  const wanted = name.toLowerCase().slice(0, MAX_LENGTH);
  const wantedWords = wordsOf(wanted);
  const scored = [...new Set(candidates)].map((candidate) => {
    const lower = candidate.toLowerCase().slice(0, MAX_LENGTH);
    const similarity = 1 - editDistance(wanted, lower) / Math.max(1, wanted.length, lower.length);
    return { candidate, score: Math.max(similarity, 0) + wordOverlap(wantedWords, wordsOf(lower)) };
  });
  return scored
    .filter(({ score }) => score > 0.35)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}
