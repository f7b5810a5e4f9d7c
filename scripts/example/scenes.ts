import { type Draws, drawsFor } from '../../server/demo/draws.ts';

/** How a scene is drawn: in plain colours, or with light, shade and texture. */
export type Manner = 'plain' | 'shaded';

/** A small picture as SVG, and what a person would ask a painter for. */
export interface Scene {
  readonly prompt: string;
  draw(manner: Manner): string;
}

export const pictureSize = { width: 360, height: 240 };
const { width, height } = pictureSize;

/** Each prompt is one scene; the shapes are drawn from the scene's own numbers, the same for both manners. */
export const scenes: readonly Scene[] = [
  scene('A sunset over a calm sea, with one sailing boat.', sunset),
  scene('Green hills in the morning.', hills),
  scene('A town at night, lights in the windows.', town),
  scene('A bunch of balloons in front of a blue sky.', balloons),
  scene('A lighthouse in the evening.', lighthouse),
  scene('A still life with three apples.', apples),
  scene('Snow falling on fir trees.', firs),
  scene('A red kite above a meadow.', kite),
  scene('Waves in the style of a woodcut.', waves),
  scene('The moon behind thin clouds.', moon),
];

type Painter = (draws: Draws, manner: Manner) => string;

function scene(prompt: string, paint: Painter): Scene {
  return {
    prompt,
    draw(manner) {
      const body = paint(drawsFor(0, prompt, 0), manner);
      return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
    },
  };
}

/** A vertical gradient over the whole picture, or its middle colour. */
function ground(id: string, colours: readonly string[], manner: Manner): string {
  if (manner === 'plain') return rectangle(0, 0, width, height, colours[Math.floor(colours.length / 2)]);
  return `${gradient(id, colours)}${rectangle(0, 0, width, height, `url(#${id})`)}`;
}

function gradient(id: string, colours: readonly string[], kind: 'linear' | 'radial' = 'linear'): string {
  const stops = colours.map((colour, k) => `<stop offset="${k / (colours.length - 1)}" stop-color="${colour}"/>`);
  const direction = kind === 'linear' ? 'x1="0" y1="0" x2="0" y2="1"' : 'cx="0.35" cy="0.3" r="0.8"';
  return `<defs><${kind}Gradient id="${id}" ${direction}>${stops.join('')}</${kind}Gradient></defs>`;
}

const rectangle = (x: number, y: number, w: number, h: number, fill: string, more = '') =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" fill="${fill}" ${more}/>`;
const circle = (x: number, y: number, radius: number, fill: string, more = '') =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${fill}" ${more}/>`;
const path = (points: string, fill: string, more = '') => `<path d="${points}" fill="${fill}" ${more}/>`;
const round = (value: number) => Math.round(value * 10) / 10;
const between = (draws: Draws, low: number, high: number) => low + draws.uniform() * (high - low);
const times = (count: number, make: (k: number) => string) => Array.from({ length: count }, (_, k) => make(k)).join('');

/** A ball with a highlight where it is shaded. */
function ball(id: string, place: { x: number; y: number; radius: number }, colours: string[], manner: Manner): string {
  const { x, y, radius } = place;
  if (manner === 'plain') return circle(x, y, radius, colours[1]);
  return `${gradient(id, colours, 'radial')}${circle(x, y, radius, `url(#${id})`)}`;
}

/** A closed wavy band from `top` to the lower edge. */
function band(draws: Draws, top: number, swing: number, fill: string, more = ''): string {
  const steps = 6;
  let points = `M0 ${height} L0 ${round(top)}`;
  for (let k = 1; k <= steps; k++) {
    const x = (k * width) / steps;
    const middle = x - width / steps / 2;
    points += ` Q${round(middle)} ${round(top + between(draws, -swing, swing))} ${round(x)} ${round(top + between(draws, -swing, swing) / 2)}`;
  }
  return path(`${points} L${width} ${height} Z`, fill, more);
}

function sunset(draws: Draws, manner: Manner): string {
  const glints = times(40, () => {
    const y = between(draws, 150, 236);
    return rectangle(between(draws, 90, 250), y, (y - 140) / 4, 1.5, '#ffe3a0', 'opacity="0.6"');
  });
  return [
    ground('sky', ['#2b2d6e', '#e0603c', '#ffc75a'], manner),
    ball('sun', { x: 180, y: 140, radius: 34 }, ['#fff6c8', '#ffd23f', '#ff8c2b'], manner),
    rectangle(0, 140, width, 100, '#27406e'),
    manner === 'shaded' ? glints : '',
    path('M232 158 L268 158 L260 168 L240 168 Z', '#3a2418'),
    path('M249 156 L249 120 L268 152 Z', '#f6efe0'),
  ].join('');
}

function hills(draws: Draws, manner: Manner): string {
  const colours = ['#8fb8a0', '#6aa06b', '#4a8b4f', '#2f6b3a'];
  const blades = () =>
    times(160, () => {
      const [x, y] = [between(draws, 0, width), between(draws, 200, 238)];
      return path(`M${round(x)} ${round(y)} l2 -7 l2 7 Z`, '#1f5230', 'opacity="0.7"');
    });
  return [
    ground('morning', ['#7db7e8', '#cfe6f5', '#fff1d0'], manner),
    ball('sun', { x: 285, y: 62, radius: 22 }, ['#ffffff', '#fff0a8', '#ffd860'], manner),
    ...colours.map((colour, k) => band(draws, 118 + k * 28, 22, colour)),
    manner === 'shaded' ? blades() : '',
  ].join('');
}

function town(draws: Draws, manner: Manner): string {
  const houses = times(9, (k) => {
    const tall = between(draws, 60, 160);
    const left = k * 41 - 6;
    const windows = times(10, (n) => {
      const lit = draws.chance(0.55);
      return rectangle(
        left + 7 + (n % 2) * 16,
        height - tall + 10 + Math.floor(n / 2) * 26,
        9,
        13,
        lit ? '#ffd76b' : '#33405e',
      );
    });
    return rectangle(left, height - tall, 38, tall, k % 2 === 0 ? '#1c2540' : '#26304f') + windows;
  });
  const stars = times(70, () =>
    circle(
      between(draws, 0, width),
      between(draws, 0, 110),
      between(draws, 0.4, 1.4),
      '#fff',
      `opacity="${round(between(draws, 0.3, 1))}"`,
    ),
  );
  return ground('night', ['#050818', '#0f1a3a', '#2a3b6a'], manner) + (manner === 'shaded' ? stars : '') + houses;
}

function balloons(draws: Draws, manner: Manner): string {
  const colours = [
    ['#ffd0d0', '#e5383b', '#8d0f14'],
    ['#d3f9d8', '#37b24d', '#1b6b2b'],
    ['#fff3bf', '#fab005', '#a86a00'],
    ['#e5dbff', '#7048e8', '#3b1f94'],
    ['#c5f6fa', '#1098ad', '#08596b'],
  ];
  const all = colours.map((shades, k) => {
    const [x, y] = [70 + k * 55 + between(draws, -12, 12), between(draws, 60, 120)];
    const string = `<path d="M${round(x)} ${round(y + 28)} Q${round(x + 12)} 170 180 236" stroke="#555" fill="none"/>`;
    return string + ball(`balloon${k}`, { x, y, radius: 28 }, shades, manner);
  });
  return ground('sky', ['#3f8fd6', '#86c0ee', '#dff0fb'], manner) + all.join('');
}

function lighthouse(draws: Draws, manner: Manner): string {
  const beam = path('M182 66 L360 20 L360 110 Z', '#fff3b0', 'opacity="0.45"');
  const stripes = times(4, (k) => rectangle(168 - k, 84 + k * 32, 26 + k * 2, 16, '#c92a2a'));
  return [
    ground('evening', ['#1b1f4b', '#5b4a8a', '#e79a6f'], manner),
    manner === 'shaded' ? beam : '',
    path('M170 76 L192 76 L200 210 L162 210 Z', '#f1f3f5'),
    stripes,
    rectangle(168, 56, 26, 20, '#ffe066'),
    path('M164 56 L198 56 L181 42 Z', '#343a40'),
    band(draws, 206, 12, '#343a40'),
  ].join('');
}

function apples(_: Draws, manner: Manner): string {
  const places = [
    { x: 120, y: 150, radius: 38 },
    { x: 190, y: 158, radius: 34 },
    { x: 250, y: 148, radius: 40 },
  ];
  const shades = [
    ['#ffc9c9', '#d6303a', '#7d0c15'],
    ['#f4fce3', '#94b820', '#4d6608'],
    ['#ffe8cc', '#e8590c', '#8a3203'],
  ];
  const all = places.map((place, k) => {
    const shadow = `<ellipse cx="${place.x + 10}" cy="${place.y + place.radius}" rx="${place.radius}" ry="7" fill="#000" opacity="0.25"/>`;
    const stalk = path(`M${place.x} ${place.y - place.radius + 4} q3 -14 10 -16 l2 3 q-6 4 -8 14 Z`, '#5c3a1e');
    return (manner === 'shaded' ? shadow : '') + ball(`apple${k}`, place, shades[k], manner) + stalk;
  });
  return (
    ground('wall', ['#efe3cf', '#dcc7a3', '#b9966a'], manner) + rectangle(0, 178, width, 62, '#8a5a33') + all.join('')
  );
}

function firs(draws: Draws, manner: Manner): string {
  const trees = times(7, (k) => {
    const [x, base] = [30 + k * 52 + between(draws, -10, 10), between(draws, 196, 216)];
    return times(3, (n) => {
      const [half, top] = [30 - n * 7, base - 34 - n * 26];
      return path(
        `M${round(x)} ${round(top)} L${round(x + half)} ${round(top + 44)} L${round(x - half)} ${round(top + 44)} Z`,
        n === 2 && manner === 'shaded' ? '#e9f2f5' : '#24523f',
      );
    });
  });
  const flakes = times(140, () =>
    circle(between(draws, 0, width), between(draws, 0, height), between(draws, 0.8, 2.4), '#fff', 'opacity="0.9"'),
  );
  return (
    ground('winter', ['#6f87a3', '#9fb4c8', '#dfe8ee'], manner) +
    trees +
    rectangle(0, 214, width, 26, '#f8fafc') +
    flakes
  );
}

function kite(draws: Draws, manner: Manner): string {
  const flowers = () =>
    times(60, () =>
      circle(
        between(draws, 0, width),
        between(draws, 190, 238),
        2,
        draws.pick(['#ffd43b', '#ff8787', '#fff', '#b197fc']),
      ),
    );
  return [
    ground('day', ['#4dabf7', '#a5d8ff', '#e7f5ff'], manner),
    band(draws, 184, 10, '#5c940d'),
    manner === 'shaded' ? flowers() : '',
    path('M210 40 L250 80 L210 140 L170 80 Z', '#e03131'),
    manner === 'shaded' ? path('M210 40 L250 80 L210 140 Z', '#a61e1e') : '',
    '<path d="M210 140 Q240 180 180 200 T120 236" stroke="#444" stroke-width="2" fill="none"/>',
  ].join('');
}

function waves(draws: Draws, manner: Manner): string {
  const rows = times(7, (k) => {
    const colour = k % 2 === 0 ? '#1c3f66' : '#e8dfc8';
    const outline = manner === 'shaded' ? 'stroke="#0b1c33" stroke-width="3"' : '';
    return band(draws, 60 + k * 28, 26, colour, outline);
  });
  return ground('paper', ['#efe6cf', '#e6d9b8', '#dccb9f'], manner) + rows;
}

function moon(draws: Draws, manner: Manner): string {
  const craters = times(9, () =>
    circle(
      180 + between(draws, -40, 40),
      110 + between(draws, -40, 40),
      between(draws, 3, 9),
      '#b9b39a',
      'opacity="0.6"',
    ),
  );
  const clouds = times(6, (k) => band(draws, 120 + k * 22, 30, '#aab4d0', 'opacity="0.12"'));
  return [
    ground('night', ['#0a0f26', '#182044', '#2e3a66'], manner),
    ball('moon', { x: 180, y: 110, radius: 58 }, ['#ffffff', '#efe9cf', '#9c967c'], manner),
    manner === 'shaded' ? craters : '',
    clouds,
  ].join('');
}
