"""How the report looks: one sheet, light and dark, on paper and on a phone; named by its hash so that nothing else may.

Days are told apart by form as well as by colour (blue, orange, vermilion, purple: distinct to colour-blind eyes too).
"""

from __future__ import annotations

import base64
import hashlib

SHEET = """
:root{color-scheme:light dark;--bg:#f7f7f4;--card:#fff;--fg:#1c2226;--soft:#59646b;--line:#dfe1dc;--link:#14588f;
--none:#ebece7;--dot:#a9afa9;--l1:#c9dff2;--l2:#8bbbe2;--l3:#4189c4;--l4:#175a93;--fail:#c8501a;--bad:#93338a;
--part:#d98e00;--ask:#7d878d;--ink:#fff;--good:#1d7a55;--tint:#fbf0e6;--code:#f1f2ee}
@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1b2024;--fg:#e6e9ea;--soft:#a0abb2;--line:#30373d;
--link:#86bdf0;--none:#252b30;--dot:#5d6970;--l1:#1c3f5e;--l2:#2a6699;--l3:#4e97d3;--l4:#a3d2f8;--fail:#f07a42;
--bad:#d27fc8;--part:#eab04a;--ask:#8d99a1;--ink:#14181b;--good:#5fc79a;--tint:#2a221b;--code:#23292e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;overflow-wrap:anywhere}
header,main,footer,nav{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.5rem}
h1,h2,h3{line-height:1.25;margin:0;font-weight:650;letter-spacing:-.01em}
h1{font-size:1.9rem}h2{font-size:1.25rem;margin-bottom:.9rem}h3{font-size:1rem}
p{margin:0}a{color:var(--link);text-underline-offset:.2em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:3px;
border-radius:4px}
.skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:1}
.soft{color:var(--soft)}.small{font-size:.875rem}.num{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}.nowrap{white-space:nowrap}
.verdict{display:inline-flex;gap:.6rem;align-items:center;margin-top:1.1rem;padding:.45rem .95rem .45rem .7rem;
border-radius:2rem;background:var(--card);border:1px solid var(--line);font-weight:600;text-decoration:none;
color:inherit}
.verdict svg{width:1.15rem;height:1.15rem;flex:none}.good{color:var(--good)}.warn{color:var(--fail)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.25rem;list-style:none;margin:1.4rem 0 0;padding:.7rem 0;
border-block:1px solid var(--line);font-size:.925rem}
nav a{text-decoration:none}nav a:hover{text-decoration:underline}
section{margin-top:2.6rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1px;margin:1.6rem 0 0;
background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.tiles div{background:var(--card);padding:.9rem 1.1rem}
dt{color:var(--soft);font-size:.85rem}dd{margin:0}
.tiles dd:first-of-type{font-size:1.45rem;font-weight:650;letter-spacing:-.015em;line-height:1.3;
font-variant-numeric:tabular-nums}
.cards{display:grid;gap:.8rem;margin:0;padding:0;list-style:none}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.2rem}
.card.failed,.card.error,.card.warning{border-left:4px solid var(--fail)}.card.invalid{border-left:4px solid var(--bad)}
.card.partial,.card.held{border-left:4px solid var(--part)}.card.untried,.card.info{border-left:4px solid var(--ask)}
.card p{margin-top:.35rem}
.badge{display:inline-block;font-size:.78rem;font-weight:600;line-height:1.5;padding:0 .55rem;border-radius:1rem;
border:1px solid;margin-right:.55rem;vertical-align:.08em}
.failed .badge,.error .badge,.warning .badge{color:var(--fail)}.invalid .badge{color:var(--bad)}
.partial .badge,.held .badge{color:var(--part)}.untried .badge,.info .badge{color:var(--soft)}
@media(prefers-color-scheme:light){.partial .badge,.held .badge{color:#8a5a00}}
code{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{margin:.5rem 0 0;padding:.55rem .8rem;background:var(--code);border-radius:6px;white-space:pre-wrap}
pre code{display:block}
details{margin-top:.7rem}summary{cursor:pointer;color:var(--link);font-size:.925rem;width:fit-content}
details>summary~*{margin-top:.6rem}
.stream{padding:1.15rem 1.2rem 1.25rem}.stream+.stream{margin-top:.8rem}
.stream header{display:flex;flex-wrap:wrap;gap:.1rem 1rem;align-items:baseline;padding:0;max-width:none}
.cal{display:flex;flex-wrap:wrap;gap:.6rem 1.6rem;margin-top:.8rem}.cal svg{flex:1 1 18rem;min-width:0;max-width:29rem;
height:auto}
svg text{font:10px system-ui,sans-serif;fill:var(--soft)}
.k{fill:none}.c{fill:var(--none)}.d{fill:var(--dot)}.l1{fill:var(--l1)}.l2{fill:var(--l2)}.l3{fill:var(--l3)}
.l4{fill:var(--l4)}.f{fill:var(--fail)}.x{fill:var(--bad)}.p{fill:var(--part)}.q{fill:none;stroke:var(--ask);
stroke-dasharray:2 1.6}.pr{fill:none;stroke:var(--part)}.o{fill:none;stroke:var(--l3)}.m{fill:none;stroke:var(--ink);
stroke-width:1.5;stroke-linecap:round}.u{fill:var(--ask)}
.defs{position:absolute;width:0;height:0}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.15rem;list-style:none;margin:0 0 1rem;padding:0;font-size:.875rem;
color:var(--soft)}.legend li{display:inline-flex;align-items:center;gap:.4rem}.legend svg{height:.85rem;width:auto}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
.inner{border:0;background:none;border-radius:0}
table{border-collapse:collapse;width:100%;font-size:.925rem}
caption{text-align:left;color:var(--soft);font-size:.875rem;padding:.7rem 1.1rem .2rem}
.inner caption{padding-left:0}
th,td{padding:.5rem 1.1rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{color:var(--soft);font-weight:500;font-size:.85rem;border-top:0;white-space:nowrap}
tbody th{font-weight:500}.inner th,.inner td{padding:.3rem 1rem .3rem 0}
th.num,td.num{text-align:right}td.bar{width:45%;min-width:7rem}td.bar svg{display:block;width:100%;height:.7rem;
margin-top:.42rem}
.edits{margin:.15rem 0 0;font-weight:400;padding:0;list-style:none;font-size:.875rem}.edits li{padding:.15rem 0}
del{text-decoration-thickness:1px}ins{text-decoration:none;color:var(--fg)}.edits strong{font-weight:600}
.plus{color:var(--good)}.minus{color:var(--fail)}
footer{margin-top:3rem;padding-top:1rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}
footer p{border-top:1px solid var(--line);padding-top:1rem}
@media(max-width:40rem){header,main,footer,nav{padding-inline:1rem}header{padding-top:1.5rem}h1{font-size:1.55rem}
.tiles{grid-template-columns:1fr 1fr}.tiles div{padding:.7rem .85rem}
.tiles div:last-child:nth-child(odd){grid-column:1/-1}
.tiles dd:first-of-type{font-size:1.2rem}
.card,.stream{padding:.9rem}th,td{padding:.45rem .8rem}#changes tbody th{min-width:13rem}
.cal svg{max-width:none}}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{:root{--bg:#fff;--card:#fff}body{font-size:11pt}nav,.skip{display:none}section{margin-top:1.6rem}
.card,.stream,tr{break-inside:avoid}h2,h3{break-after:avoid}svg,.badge{print-color-adjust:exact;
-webkit-print-color-adjust:exact}.scroll{overflow:visible}details::details-content{content-visibility:visible;
block-size:auto}summary{color:inherit}}
""".strip()


def source() -> str:
    """What a content security policy calls this sheet."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode() + "'"
