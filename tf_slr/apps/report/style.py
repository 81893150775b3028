"""How a report looks: one style sheet, for light and dark, screens of every width, and paper."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #171a21; --soft: #5b6472; --line: #dfe3e9; --faint: #eef1f5;
  --accent: #2459c9; --hit: #1d7d4b; --sub: #b06a00; --del: #c0303a; --ins: #7a3fc0;
  --hit-back: #e3f3ea; --sub-back: #fbeeda; --del-back: #fbe5e6; --ins-back: #f0e7fb;
  --c0: #2459c9; --c1: #d9730d; --c2: #1d8a63; --c3: #a83fb5; --c4: #c0303a; --c5: #6b7280;
  --left: #d97d06; --right: #1f7fd1; --lips: #d0476b; --arms: #4a5261;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11141a; --card: #191d25; --ink: #e8ebf0; --soft: #9aa4b3; --line: #2d3440; --faint: #222833;
    --accent: #83aaff; --hit: #67d39b; --sub: #f0b45a; --del: #ff8a90; --ins: #c59bff;
    --hit-back: #17352a; --sub-back: #3b2d14; --del-back: #41201f; --ins-back: #2f2347;
    --c0: #83aaff; --c1: #ffab5e; --c2: #5fd0a5; --c3: #e08cea; --c4: #ff8a90; --c5: #a7b0be;
    --left: #ffaa33; --right: #4db8ff; --lips: #ff8496; --arms: #c9d0da;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.015em; }
h2 { font-size: 1.25rem; margin: 0 0 .2rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .3rem 0 .8rem; max-width: 72ch; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
a { color: var(--accent); }
.quiet, .lead { color: var(--soft); }
.lead { font-size: 1.02rem; }
.badge { display: inline-block; font-size: .72rem; font-weight: 600; line-height: 1.2; padding: .18rem .5rem;
  border-radius: 99px; background: var(--sub-back); color: var(--sub); vertical-align: .12em; white-space: nowrap; }
.badge.plain { background: var(--faint); color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.35rem 1.1rem;
  margin-top: 1.1rem; }
.cards { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin-top: 1.3rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.65rem; line-height: 1.15; letter-spacing: -.02em; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.card span { display: block; color: var(--soft); font-size: .82rem; line-height: 1.35; }
.card .name { font-weight: 600; color: var(--ink); margin-bottom: .25rem; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; margin: .6rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding: .2rem 0 .45rem; }
th, td { padding: .38rem .6rem; text-align: right; border-top: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: .82rem; }
tbody th { color: var(--ink); font-size: inherit; font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text { text-align: left; white-space: normal; }
tr.group th { padding-left: 1.1rem; color: var(--soft); }
tr.total { font-weight: 600; }
.bar { display: inline-block; width: 90px; height: .5rem; border-radius: 99px; background: var(--faint);
  vertical-align: middle; overflow: hidden; }
.bar i { display: block; height: 100%; border-radius: 99px; background: var(--c0); }
.bar i.sub { background: var(--sub); } .bar i.del { background: var(--del); } .bar i.ins { background: var(--ins); }
.columns { display: grid; gap: .4rem 1.8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
section .columns .bar { width: 64px; }
.gloss { display: inline-block; white-space: normal; overflow-wrap: anywhere; min-width: 8.5rem; }
.example { border-top: 1px solid var(--line); padding: .9rem 0 .4rem; }
.example:first-of-type { border-top: 0; }
.pairs { display: flex; flex-wrap: wrap; gap: .3rem; margin: .5rem 0; padding: 0; list-style: none;
  font-size: .85rem; line-height: 1.25; }
.pairs li { border-radius: 7px; padding: .22rem .5rem; background: var(--faint); overflow-wrap: anywhere; }
.pairs b { display: block; font-weight: 600; } .pairs span { display: block; }
.pairs .sub { background: var(--sub-back); color: var(--sub); }
.pairs .del { background: var(--del-back); color: var(--del); }
.pairs .ins { background: var(--ins-back); color: var(--ins); }
.pairs .missing { opacity: .65; font-style: italic; }
.rows { display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: .7rem; }
.names { color: var(--soft); font-size: .75rem; line-height: 1.2; position: relative; width: 4.6rem; }
.names span { position: absolute; left: 0; }
svg { display: block; } svg text { fill: var(--ink); font-size: 12px; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .92rem; margin-bottom: .3rem; }
.chart { width: 100%; height: auto; max-width: 620px; } .chart text { font-size: 11.5px; fill: var(--soft); }
.grid { stroke: var(--line); } .mark { stroke: var(--soft); stroke-dasharray: 3 4; }
.line { fill: none; stroke-width: 2.1; stroke-linejoin: round; }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); }
.line.c3 { stroke: var(--c3); } .line.c4 { stroke: var(--c4); } .line.c5 { stroke: var(--c5); }
.dot.c0 { fill: var(--c0); } .dot.c1 { fill: var(--c1); } .dot.c2 { fill: var(--c2); }
.dot.c3 { fill: var(--c3); } .dot.c4 { fill: var(--c4); } .dot.c5 { fill: var(--c5); }
.swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-right: .35rem;
  vertical-align: -.08rem; background: var(--c0); }
.swatch.c1 { background: var(--c1); } .swatch.c2 { background: var(--c2); } .swatch.c3 { background: var(--c3); }
.swatch.c4 { background: var(--c4); } .swatch.c5 { background: var(--c5); } .swatch.hit { background: var(--hit); }
.swatch.sub { background: var(--sub); } .swatch.del { background: var(--del); } .swatch.ins { background: var(--ins); }
.swatch.left { background: var(--left); } .swatch.right { background: var(--right); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; margin: .4rem 0 .2rem; padding: 0;
  font-size: .82rem; color: var(--soft); }
.picture { fill: var(--faint); }
.limb { fill: none; stroke-width: 1.5; stroke-linecap: round; }
.limb.arms { stroke: var(--arms); stroke-width: 2.2; } .limb.lips { stroke: var(--lips); stroke-width: .7; }
.limb.left { stroke: var(--left); } .limb.right { stroke: var(--right); }
.timeline .track { fill: none; } .timeline .field { fill: var(--hit-back); } .timeline .spike { fill: var(--hit); }
.timeline .sub .field { fill: var(--sub-back); } .timeline .sub .spike { fill: var(--sub); }
.timeline .del .field { fill: var(--del-back); } .timeline .del .spike { fill: var(--del); }
.timeline .ins .field { fill: var(--ins-back); } .timeline .ins .spike { fill: var(--ins); }
.link { stroke: var(--hit); stroke-width: 1.2; opacity: .6; } .link.sub { stroke: var(--sub); }
.tick { stroke: var(--line); } .timeline .second { fill: var(--soft); font-size: 10.5px; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--accent); font-size: .92rem; }
pre { background: var(--faint); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; margin: .6rem 0;
  font: .82rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1.2rem; margin: .6rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.warning { border-left: 3px solid var(--sub); padding: .1rem 0 .1rem .8rem; }
footer { color: var(--soft); font-size: .84rem; margin-top: 1.4rem; }
@media (max-width: 560px) {
  main { padding: 1.3rem .7rem 3rem; } section { padding: 1rem .85rem .8rem; border-radius: 10px; }
  h1 { font-size: 1.5rem; } .cards { grid-template-columns: repeat(2, 1fr); gap: .6rem; }
  .card { padding: .65rem .75rem; } .card b { font-size: 1.35rem; } dl { grid-template-columns: 1fr; gap: 0 0; }
  dd { margin-bottom: .5rem; } .names { width: 3.4rem; } th, td { padding: .34rem .45rem; }
}
@media print { section, .card { break-inside: avoid; } details { display: none; } }
"""
