export interface Series {
  name: string;
  colour: string;
  /** (x, y); y null leaves a gap. */
  points: readonly (readonly [number, number | null])[];
}

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  series: readonly Series[];
}

const WIDTH = 420;
const HEIGHT = 300;
const MARGIN = { left: 56, right: 14, top: 34, bottom: 44 };
const TICKS = 5;

/** Line charts side by side, as one SVG document that reads on light and dark pages. */
export function svgOf(charts: readonly Chart[]): string {
  const width = charts.length * WIDTH;
  const height = HEIGHT + 26;
  const legend = charts[0]!.series.map((series, i) =>
    legendEntry(series, MARGIN.left + i * ((width - 70) / charts[0]!.series.length), HEIGHT + 14),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<title>${charts.map(({ title }) => title).join('; ')}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...charts.map((chart, i) => `<g transform="translate(${i * WIDTH} 0)">${chartMarks(chart)}</g>`),
    ...legend,
    '</svg>\n',
  ].join('\n');
}

function chartMarks(chart: Chart): string {
  const points = chart.series.flatMap((series) => series.points);
  const maxX = Math.max(...points.map(([x]) => x));
  const maxY = niceCeiling(Math.max(...points.map(([, y]) => y ?? 0)));
  const toX = (x: number) => MARGIN.left + (x / maxX) * (WIDTH - MARGIN.left - MARGIN.right);
  const toY = (y: number) => HEIGHT - MARGIN.bottom - (y / maxY) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  return [
    `<text x="${MARGIN.left}" y="20" font-weight="bold">${chart.title}</text>`,
    ...ticks(maxY).map((y) => gridLine(y, toY(y))),
    ...ticks(maxX).map((x) => `<text x="${toX(x)}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${x}</text>`),
    `<text x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${chart.xLabel}</text>`,
    `<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${chart.yLabel}</text>`,
    ...chart.series.map((series) => line(series, toX, toY)),
  ].join('');
}

function gridLine(value: number, y: number): string {
  const label = `<text x="${MARGIN.left - 6}" y="${y + 4}" text-anchor="end">${value}</text>`;
  return `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y}" y2="${y}" stroke="#ddd"/>${label}`;
}

function line({ points, colour }: Series, toX: (x: number) => number, toY: (y: number) => number): string {
  const known = points.flatMap(([x, y]) => (y === null ? [] : [`${toX(x).toFixed(1)},${toY(y).toFixed(1)}`]));
  const dots = known.map((point) => {
    const [x, y] = point.split(',');
    return `<circle cx="${x}" cy="${y}" r="2.5" fill="${colour}"/>`;
  });
  return `<polyline points="${known.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
}

function legendEntry({ name, colour }: Series, x: number, y: number): string {
  return `<rect x="${x}" y="${y - 9}" width="12" height="10" fill="${colour}"/><text x="${x + 17}" y="${y}">${name}</text>`;
}

function ticks(max: number): number[] {
  return Array.from({ length: TICKS + 1 }, (_, i) => Number(((max * i) / TICKS).toPrecision(3)));
}

function niceCeiling(value: number): number {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 4, 5, 8, 10].map((step) => step * size).find((step) => step >= value)!;
}
