/** Exact dominance over points with two or three goals, and the knee of what is left. Larger is better in every goal. */

export interface Goals {
  readonly values: readonly number[];
}

export function dominates(a: Goals, b: Goals): boolean {
  let better = false;
  for (let goal = 0; goal < a.values.length; goal++) {
    const x = a.values[goal] ?? 0;
    const y = b.values[goal] ?? 0;
    if (x < y) return false;
    if (x > y) better = true;
  }
  return better;
}

/** Points that no other dominates, best in the first goal first; of equal points the first given stays. */
export function frontier<Point extends Goals>(points: readonly Point[]): Point[] {
  const ordered = points
    .map((point, order) => ({ point, order }))
    .sort((a, b) => {
      for (let goal = 0; goal < a.point.values.length; goal++) {
        const difference = (b.point.values[goal] ?? 0) - (a.point.values[goal] ?? 0);
        if (difference !== 0) return difference;
      }
      return a.order - b.order;
    });
  const kept: Point[] = [];
  for (const { point } of ordered) {
    // whoever dominates a point comes before it in this order
    const beaten = kept.some(
      (other) => dominates(other, point) || other.values.every((value, goal) => value === point.values[goal]),
    );
    if (!beaten) kept.push(point);
  }
  return kept;
}

/** The point farthest from the line between the extremes, goals scaled to 0…1: where giving up one goal stops paying. */
export function knee<Point extends Goals>(points: readonly Point[]): Point | undefined {
  const goals = points[0]?.values.length ?? 0;
  const ranges = Array.from({ length: goals }, (_, goal) => {
    const values = points.map((point) => point.values[goal] ?? 0);
    const low = Math.min(...values);
    return { low, span: Math.max(...values) - low };
  });
  let best: Point | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    const sum = ranges.reduce(
      (total, { low, span }, goal) => total + (span > 0 ? ((point.values[goal] ?? 0) - low) / span : 0),
      0,
    );
    if (sum > most) {
      most = sum;
      best = point;
    }
  }
  return best;
}
