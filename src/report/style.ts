/** How reports look, on screens light and dark and on paper. Nothing is loaded from anywhere. */
export const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--raised:#f6f8fa;--link:#0550ae;--warn:#8a4600}
@media (prefers-color-scheme:dark){:root{--paper:#0f1419;--ink:#e6edf3;--soft:#a3adb8;--line:#3b434c;--raised:#1a2129;--link:#79b8ff;--warn:#f0b072}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,main,footer{max-width:76rem;margin:0 auto;padding:1rem 1.25rem}
h1{font-size:1.75rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.3rem;margin:2.25rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
main section:first-child h2{margin-top:0}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
p,ul,ol{margin:.5rem 0;max-width:70ch}
p,li,summary,h1,h2,h3{overflow-wrap:anywhere}
li{margin:.2rem 0}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:.5rem;top:.5rem;background:var(--paper);padding:.5rem}
.soft{color:var(--soft)}
.warn{color:var(--warn);font-weight:600}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(14rem,100%),1fr));gap:1rem;margin:.75rem 0;padding:0;max-width:none;list-style:none}
.small{grid-template-columns:repeat(auto-fill,minmax(8rem,1fr))}
.beside{grid-template-columns:repeat(3,minmax(0,14rem));gap:.6rem}
.pictures li{margin:0;max-width:22rem}
figure{margin:0}
figure img{display:block;width:100%;height:auto;border-radius:4px;background:var(--raised)}
figcaption{font-size:.875rem;line-height:1.4;margin-top:.35rem;overflow-wrap:anywhere}
.scale{display:flex;align-items:center;gap:.5rem;font-size:.8rem;color:var(--soft);margin-top:.3rem}
.scale span.bar{flex:1;height:.7rem;border-radius:2px;border:1px solid var(--line);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.table{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.92rem}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:break-word}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}
thead th{background:var(--raised)}
details{margin:.6rem 0;border:1px solid var(--line);border-radius:4px;padding:.3rem .7rem}
summary{cursor:pointer;padding:.15rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--raised);padding:.7rem;border-radius:4px;font-size:.85rem;margin:.5rem 0}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.card{border:1px solid var(--line);border-radius:6px;padding:.25rem 1rem .75rem;margin:1rem 0;background:var(--raised)}
.card pre,.card thead th{background:var(--paper)}
footer{color:var(--soft);font-size:.875rem;border-top:1px solid var(--line);margin-top:2.5rem}
@page{margin:1.5cm}
@media print{:root{--paper:#fff;--ink:#000;--soft:#333;--line:#999;--raised:#fff;--link:#000;--warn:#000}
body{font-size:10.5pt}header,main,footer{max-width:none;padding:0}nav,.skip{display:none}
.table{overflow:visible}td{overflow-wrap:anywhere}figure,tr{break-inside:avoid}h2,h3{break-after:avoid}.pictures{grid-template-columns:repeat(4,1fr);gap:.3cm}.small{grid-template-columns:repeat(6,1fr)}.beside{grid-template-columns:repeat(3,5cm)}}
`;
