/** The report's style sheet: one column, system fonts, both colour schemes, no colour that means something on its own. */
export const reportStyle = `
:root {
  --paper: #fdfcfa; --card: #ffffff; --ink: #1f2328; --soft: #5b6470; --line: #dedbd5; --accent: #0a6c74; --good: #17663a; --bad: #9a3412;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --card: #1e2125; --ink: #e7e6e3; --soft: #a2a9b2; --line: #363b42; --accent: #5cc4cb; --good: #7fce9f; --bad: #f0a284;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; }
section { margin-top: 2.75rem; }
p { margin: 0 0 .75rem; max-width: 46rem; }
.introduction { color: var(--soft); }
dl, dd, dt, figure { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(17.5rem, 1fr)); gap: 1rem; }
.figure, .curves figure { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1rem; }
.figure dt { font-size: .9rem; color: var(--soft); }
.value { font-size: 1.6rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
.before, .arrow { color: var(--soft); }
.after { font-weight: 650; }
.definition { margin-top: .3rem; font-size: .82rem; line-height: 1.45; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .6rem .9rem .6rem 0; border-bottom: 1px solid var(--line); }
thead th { font-size: .85rem; font-weight: 500; color: var(--soft); }
.pairs { min-width: 40rem; table-layout: fixed; }
.pairs thead th:first-child { width: 24%; }
.pairs tbody th { font-weight: 500; overflow-wrap: anywhere; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.judged { font-size: .82rem; color: var(--soft); margin: .25rem 0 0; }
.yes { color: var(--good); font-weight: 600; }
.no { color: var(--bad); font-weight: 600; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .75rem; }
figcaption { font-size: .82rem; margin-bottom: .35rem; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 13px system-ui, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .now { font-size: 17px; font-weight: 650; fill: var(--ink); }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.last { fill: var(--accent); }
.spot { fill: transparent; }
.spot:hover { fill: var(--accent); }
.nothing { font-size: .82rem; color: var(--soft); margin: 0; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.numbers { margin-top: .75rem; font-size: .82rem; font-variant-numeric: tabular-nums; }
.numbers th, .numbers td { padding: .3rem 1rem .3rem 0; white-space: nowrap; text-align: right; }
.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .75rem 1.5rem; font-size: .9rem; }
.settings dt { color: var(--soft); font-size: .82rem; }
.settings dd { overflow-wrap: anywhere; }
@media print { details { display: none; } .figure, .curves figure { break-inside: avoid; } }
`;
