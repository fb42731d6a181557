/** The frontier as a small self-contained SVG: two goals, a line through the points, the knee marked. */
import { formatTwoDigits } from "../units-text.ts";

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly label: string;
  readonly knee: boolean;
}

const WIDTH = 640;
const HEIGHT = 400;
const EDGE = 48;

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] ?? sign);

export function frontierChart(points: readonly ChartPoint[], xName: string, yName: string): string {
  const range = (values: readonly number[]): readonly [number, number] => {
    const low = Math.min(...values, Number.POSITIVE_INFINITY);
    const high = Math.max(...values, Number.NEGATIVE_INFINITY);
    return Number.isFinite(low) && high > low
      ? [low, high]
      : [Number.isFinite(low) ? low - 1 : 0, Number.isFinite(low) ? low + 1 : 1];
  };
  const [x0, x1] = range(points.map(({ x }) => x));
  const [y0, y1] = range(points.map(({ y }) => y));
  const at = ({ x, y }: ChartPoint): readonly [string, string] => [
    (EDGE + ((x - x0) / (x1 - x0)) * (WIDTH - 2 * EDGE)).toFixed(1),
    (HEIGHT - EDGE - ((y - y0) / (y1 - y0)) * (HEIGHT - 2 * EDGE)).toFixed(1),
  ];
  const ordered = [...points].sort((a, b) => a.x - b.x);
  const line = ordered.map((point) => at(point).join(",")).join(" ");
  const marks = ordered.map((point) => {
    const [x, y] = at(point);
    return `<circle cx="${x}" cy="${y}" r="${point.knee ? 7 : 4}" fill="${point.knee ? "#d33" : "#36c"}"><title>${escapeXml(point.label)}: ${formatTwoDigits(point.x)}, ${formatTwoDigits(point.y)}</title></circle>`;
  });
  const bend = ordered.find(({ knee }) => knee);
  const text = bend
    ? `<text x="${at(bend)[0]}" y="${Number(at(bend)[1]) - 12}" font-size="12" text-anchor="middle">${escapeXml(bend.label)}</text>`
    : "";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" role="img">`,
    `<title>${escapeXml(yName)} against ${escapeXml(xName)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<path d="M${EDGE} ${EDGE}V${HEIGHT - EDGE}H${WIDTH - EDGE}" fill="none" stroke="#888"/>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 12}" font-size="13" text-anchor="middle">${escapeXml(xName)}: ${formatTwoDigits(x0)} to ${formatTwoDigits(x1)}</text>`,
    `<text x="14" y="${HEIGHT / 2}" font-size="13" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">${escapeXml(yName)}: ${formatTwoDigits(y0)} to ${formatTwoDigits(y1)}</text>`,
    `<polyline points="${line}" fill="none" stroke="#36c" stroke-opacity="0.4"/>`,
    ...marks,
    text,
    "</svg>",
  ].join("\n");
}
