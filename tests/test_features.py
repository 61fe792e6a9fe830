"""Each of caniemail's features is found where it is used, and not where it only looks so.

A table for each place in which features stand; a line is `feature | what uses it | what does not`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks.caniemail import features
from newsletter.checks.features import uses, uses_css

#: What an email cannot show: why.
NOT_SEEN = {"bimi": "a record in the DNS of the sender's domain"}

#: A property by its own name: `name: value`.  What does not use it stands in the third column.
DECLARATIONS = """
css-accent-color | accent-color:red | color:red
css-align-items | align-items:center | align-content:center
css-animation | animation:a 1s | -webkit-animation:a 1s
css-animation | animation-name:a | --animation-name:a
css-aspect-ratio | aspect-ratio:16/9 | width:16px
css-backdrop-filter | backdrop-filter:blur(2px) | filter:blur(2px)
css-background | background:red | background-color:red
css-background-blend-mode | background-blend-mode:screen | mix-blend-mode:screen
css-background-clip | background-clip:text | -webkit-background-clip:text
css-background-color | background-color:red | background:red
css-background-image | background-image:none | background-position:top
css-background-origin | background-origin:border-box | transform-origin:top
css-background-position | background-position:top | object-position:top
css-background-position | background-position-x:left | background-origin:padding-box
css-background-repeat | background-repeat:no-repeat | background:none
css-background-size | background-size:cover | object-fit:cover
css-block-inline-size | block-size:10px | height:10px
css-block-inline-size | inline-size:10px | max-inline-size:10px
css-border | border:0 | border-radius:0
css-border | border-top:1px solid | border-spacing:1px
css-border | border-left-color:red | border-inline-color:red
css-border-collapse | border-collapse:collapse | border:collapse
css-border-image | border-image:url(a) 30 | border:1px solid
css-border-image | border-image-slice:30 | mask-border-slice:30
css-border-inline-block | border-inline:1px solid | border-inline-start:1px solid
css-border-inline-block-individual | border-block-start:1px solid | border-block:1px solid
css-border-inline-block-individual | border-inline-color:red | border-inline-start-color:red
css-border-inline-block-longhand | border-block-end-width:1px | border-block-width:1px
css-border-radius | border-radius:4px | -moz-border-radius:4px
css-border-radius | border-top-left-radius:4px | border-start-start-radius:4px
css-border-radius-logical | border-end-end-radius:4px | border-bottom-right-radius:4px
css-border-spacing | border-spacing:0 | letter-spacing:0
css-box-shadow | box-shadow:0 0 1px red | text-shadow:0 0 1px red
css-box-sizing | box-sizing:border-box | background-clip:border-box
css-caption-side | caption-side:bottom | vertical-align:bottom
css-clear | clear:both | float:left
css-clip-path | clip-path:circle() | clip:rect(0,0,0,0)
css-color-scheme | color-scheme:light dark | color:dark
css-column-count | column-count:2 | column-width:2em
css-column-layout-properties | columns:2 | grid-template-columns:none
css-column-layout-properties | column-rule:1px solid | border-left:1px solid
css-cursor | cursor:pointer | pointer-events:none
css-direction | direction:rtl | flex-direction:row
css-display | display:block | content-visibility:auto
css-display-flex | display:flex | flex:1
css-display-flex | DISPLAY: Inline-Flex | display:inline-block
css-display-flex | display:block flex | display:flow-root
css-display-grid | display:grid | display:table
css-display-grid | display:inline-grid | grid-area:a
css-display-none | display:none | display:block
css-display-none | display:none!important | float:none
css-empty-cells | empty-cells:hide | visibility:hidden
css-filter | filter:blur(1px) | backdrop-filter:blur(1px)
css-flex-direction | flex-direction:column | flex-direction:row
css-flex-direction | flex-flow:column-reverse wrap | flex-flow:row wrap
css-flex-wrap | flex-wrap:wrap | flex-wrap:nowrap
css-flex-wrap | flex-flow:row wrap | flex-flow:row nowrap
css-float | float:left | clear:left
css-font | font:12px/1 Arial | font-family:Arial
css-font-kerning | font-kerning:none | font-variant:none
css-font-size | font-size:12px | font:12px Arial
css-font-size-adjust | font-size-adjust:.5 | -webkit-text-size-adjust:100%
css-font-stretch | font-stretch:condensed | font-family:condensed
css-font-weight | font-weight:bold | font-family:bold
css-function-clamp | width:clamp(1px,2px,3px) | content:"clamp(1px)"
css-function-light-dark | color:light-dark(#000,#fff) | color-scheme:light dark
css-function-max | width:max(1px,2px) | grid-template-columns:minmax(1px,2px)
css-function-min | width:min(1px,2px) | grid-template-rows:minmax(1px,2px)
css-gap | gap:1px | margin:1px
css-gap | row-gap:1px | column-width:1px
css-gap | grid-gap:1px | grid-area:a
css-grid-template | grid-template-columns:1fr | grid-auto-columns:1fr
css-grid-template | grid-template:none | grid:none
css-height | height:1px | line-height:1px
css-hyphenate-character | hyphenate-character:"-" | hyphens:manual
css-hyphenate-limit-chars | hyphenate-limit-chars:5 | hyphenate-character:"5"
css-hyphens | hyphens:auto | -webkit-hyphens:auto
css-important | color:red !important | color:red
css-important | color:red! IMPORTANT | content:"!important"
css-inline-size | inline-size:1px | min-inline-size:1px
css-inset | inset:0 | top:0
css-inset | inset-block-start:0 | margin-block-start:0
css-intrinsic-size | width:fit-content | width:auto
css-intrinsic-size | min-height:min-content | font-family:min-content
css-intrinsic-size | width:fit-content(20em) | width:-webkit-fill-available
css-justify-content | justify-content:center | justify-items:center
css-left-right-top-bottom | left:0 | margin-left:0
css-left-right-top-bottom | BOTTOM:0 | vertical-align:bottom
css-letter-spacing | letter-spacing:1px | word-spacing:1px
css-line-height | line-height:1.5 | height:1.5em
css-linear-gradient | background:linear-gradient(red,blue) | background:url("linear-gradient(x)")
css-linear-gradient | background:repeating-linear-gradient(red,blue) | background:-webkit-linear-gradient(red,blue)
css-radial-gradient | background-image:radial-gradient(red,blue) | background-image:linear-gradient(red,blue)
css-conic-gradient | background:conic-gradient(red,blue) | background:red
css-list-style | list-style:none | list-style-type:none
css-list-style-image | list-style-image:none | list-style:none
css-list-style-position | list-style-position:inside | position:relative
css-list-style-type | list-style-type:disc | list-style:disc
css-margin | margin:0 | margin-inline:0
css-margin | margin-top:0 | scroll-margin-top:0
css-margin-block-start-end | margin-block-start:0 | margin-block:0
css-margin-inline-block | margin-inline:0 | margin-inline-start:0
css-margin-inline-start-end | margin-inline-end:0 | margin-right:0
css-mask-image | mask-image:none | -webkit-mask-image:none
css-max-block-size | max-block-size:1px | max-height:1px
css-max-height | max-height:1px | max-width:1px
css-max-inline-size | max-inline-size:1px | inline-size:1px
css-max-width | max-width:600px | width:600px
css-min-block-size | min-block-size:1px | min-height:1px
css-min-height | min-height:1px | height:1px
css-min-inline-size | min-inline-size:1px | min-width:1px
css-min-width | min-width:1px | width:1px
css-mix-blend-mode | mix-blend-mode:screen | background-blend-mode:screen
css-modern-color | color:oklch(50% 0.1 20) | color:hsl(20 50% 50%)
css-modern-color | color:LAB(50% 1 2) | color:label
css-object-fit | object-fit:cover | background-size:cover
css-object-position | object-position:top | background-position:top
css-opacity | opacity:.5 | fill-opacity:.5
css-orphans | orphans:2 | widows:2
css-outline | outline:0 | outline-offset:0
css-outline | outline-width:0 | border-width:0
css-outline-offset | outline-offset:1px | outline:1px solid
css-overflow | overflow:hidden | overflow-wrap:anywhere
css-overflow | overflow-x:auto | text-overflow:clip
css-overflow-wrap | overflow-wrap:anywhere | word-wrap:break-word
css-padding | padding:0 | cell-padding:0
css-padding | padding-left:0 | padding-inline-start:0
css-padding-block-start-end | padding-block-end:0 | padding-block:0
css-padding-inline-block | padding-block:0 | padding-bottom:0
css-padding-inline-start-end | padding-inline-start:0 | padding-inline:0
css-position | position:relative | object-position:top
css-resize | resize:both | font-size:1px
css-rgb | color:rgb(1,2,3) | color:rgba(1,2,3,1)
css-rgba | color:rgba(1,2,3,.5) | color:rgb(1 2 3 / .5)
css-scroll-snap | scroll-snap-type:x | scroll-behavior:smooth
css-shape-margin | shape-margin:1px | margin:1px
css-shape-outside | shape-outside:circle() | clip-path:circle()
css-sytem-ui | font-family:system-ui,Arial | font-family:"system-ui",Arial
css-sytem-ui | font:12px ui-monospace | animation-name:ui-monospace
css-tab-size | tab-size:4 | -moz-tab-size:4
css-table-layout | table-layout:fixed | display:table
css-text-align | text-align:left | text-align-last:left
css-text-align-last | text-align-last:left | text-align:left
css-text-decoration | text-decoration:none | text-decoration-line:none
css-text-decoration-color | text-decoration-color:red | text-decoration:underline red
css-text-decoration-line | text-decoration-line:none | text-decoration:none
css-text-decoration-skip-ink | text-decoration-skip-ink:none | text-decoration-skip:none
css-text-decoration-style | text-decoration-style:dotted | text-decoration:dotted
css-text-decoration-thickness | text-decoration-thickness:1px | text-decoration:1px
css-text-emphasis | text-emphasis:dot | text-emphasis-position:over
css-text-emphasis | text-emphasis-color:red | text-decoration-color:red
css-text-emphasis-position | text-emphasis-position:under | text-emphasis:dot
css-text-indent | text-indent:1em | padding-left:1em
css-text-justify | text-justify:auto | text-align:justify
css-text-orientation | text-orientation:upright | writing-mode:vertical-rl
css-text-overflow | text-overflow:ellipsis | overflow:hidden
css-text-shadow | text-shadow:none | box-shadow:none
css-text-transform | text-transform:uppercase | transform:none
css-text-underline-offset | text-underline-offset:1px | text-underline-position:auto
css-text-underline-position | text-underline-position:under | text-underline-offset:1px
css-text-wrap | text-wrap:balance | flex-wrap:wrap
css-transform | transform:rotate(3deg) | rotate:3deg
css-transition | transition:all 1s | -webkit-transition:all 1s
css-transition | transition-delay:1s | animation-delay:1s
css-unit-calc | width:calc(1px + 2px) | width:"calc(1px)"
css-unit-ch | width:3ch | width:3px
css-unit-cm | width:3cm | font-family:"3cm"
css-unit-em | width:1.5em | width:1.5rem
css-unit-ex | width:3ex | width:3em
css-unit-in | width:1in | display:inline
css-unit-initial | color:initial | color:inherit
css-unit-mm | width:3mm | width:3cm
css-unit-pc | width:3pc | width:3px
css-unit-percent | width:50% | background:url(50%25.gif)
css-unit-pt | font-size:12pt | font-size:12px
css-unit-px | font-size:+.5e1PX | content:"5px"
css-unit-rem | width:1rem | width:1em
css-unit-vh | height:10vh | height:10svh
css-unit-vmax | width:1vmax | width:1vmin
css-unit-vmin | width:1vmin | width:1vmax
css-unit-vw | width:calc(100vw - 2px) | width:100dvw
css-user-select | user-select:none | -webkit-user-select:none
css-variables | --brand:red | color:red
css-variables | color:var(--brand) | font-family:var
css-vertical-align | vertical-align:top | text-align:top
css-visibility | visibility:hidden | backface-visibility:hidden
css-white-space | white-space:nowrap | white-space-collapse:collapse
css-white-space-collapse | white-space-collapse:collapse | white-space:normal
css-widows | widows:2 | orphans:2
css-width | width:1px | max-width:1px
css-word-break | word-break:break-all | word-wrap:break-word
css-word-spacing | word-spacing:1px | letter-spacing:1px
css-word-wrap | word-wrap:break-word | overflow-wrap:break-word
css-writing-mode | writing-mode:vertical-rl | text-orientation:mixed
css-z-index | z-index:1 | --z-index:1
"""

#: Whole style sheets.
SHEETS = r"""
css-at-font-face | @font-face{font-family:x;src:url(x.woff)} | p{font-family:x}
css-at-import | @import url("x.css"); | /* @import "x.css"; */
css-at-import | @IMPORT 'x.css' screen; | p{content:"@import"}
css-at-keyframes | @keyframes a{from{top:0}} | @-webkit-keyframes a{from{top:0}}
css-at-media | @media screen{p{top:0}} | p{top:0}
css-at-media | p{@media screen{top:0}} | /* @media screen{} */
css-at-media-device-pixel-ratio | @media (-webkit-min-device-pixel-ratio:2){} | @media (min-resolution:2dppx){}
css-at-media-hover | @media (any-hover:hover){} | a:hover{top:0}
css-at-media-hover | @media screen and (hover){} | @media screen{}
css-at-media-orientation | @media (orientation:landscape){} | @media (min-width:1px){}
css-at-media-prefers-color-scheme | @media (prefers-color-scheme:dark){} | @media (prefers-contrast:more){}
css-at-media-prefers-color-scheme | @media screen{@media not (prefers-color-scheme: DARK){}} | p{content:"(prefers-color-scheme:dark)"}
css-at-media-prefers-reduced-motion | @media (prefers-reduced-motion){} | @media (prefers-reduced-data){}
css-at-supports | @supports (gap:1px){} | @media screen{}
css-comments | /* x */ p{top:0} | p{content:"/* x */"}
css-comments | p{top:0;/**/left:0} | p{background:url(x/*y)}
css-nesting | p{b{top:0}} | @media screen{p{top:0}}
css-nesting | p{&:hover{top:0}} | p:hover{top:0}
css-pseudo-class-active | a:active{} | .active{}
css-pseudo-class-checked | :checked{} | [checked]{}
css-pseudo-class-default | :default{} | :root{}
css-pseudo-class-first-child | p:first-child{} | p:first-of-type{}
css-pseudo-class-first-of-type | p:first-of-type{} | p:first-child{}
css-pseudo-class-focus | a:focus{} | a:focus-within{}
css-pseudo-class-focus-visible | a:focus-visible{} | a:focus{}
css-pseudo-class-focus-within | a:focus-within{} | a:focus-visible{}
css-pseudo-class-has | p:has(> b){} | p > b{}
css-pseudo-class-hover | a:HOVER{} | .hover{}
css-pseudo-class-hover | p:not(:hover){} | a\:hover{}
css-pseudo-class-lang | :lang(de){} | [lang=de]{}
css-pseudo-class-last-child | p:last-child{} | p:nth-last-child(1){}
css-pseudo-class-last-of-type | p:last-of-type{} | p:last-child{}
css-pseudo-class-link | a:link{} | a:any-link{}
css-pseudo-class-not | p:not(.a){} | p.not{}
css-pseudo-class-nth-child | p:nth-child(2n + 1){} | p:nth-last-child(2){}
css-pseudo-class-nth-last-child | p:nth-last-child(2){} | p:nth-child(2){}
css-pseudo-class-nth-last-of-type | p:nth-last-of-type(2){} | p:nth-of-type(2){}
css-pseudo-class-nth-of-type | p:nth-of-type(odd){} | p:nth-child(odd){}
css-pseudo-class-only-child | p:only-child{} | p:only-of-type{}
css-pseudo-class-only-of-type | p:only-of-type{} | p:only-child{}
css-pseudo-class-target | :target{} | [target]{}
css-pseudo-class-visited | a:visited{} | a.visited{}
css-pseudo-element-after | p::after{} | p.after{}
css-pseudo-element-after | p:after{} | p:before{}
css-pseudo-element-before | p:BEFORE{} | p::after{}
css-pseudo-element-first-letter | p::first-letter{} | p::first-line{}
css-pseudo-element-first-line | p:first-line{} | p:first-child{}
css-pseudo-element-marker | li::marker{} | li:marker{}
css-pseudo-element-placeholder | ::placeholder{} | :placeholder-shown{}
css-selector-adjacent-sibling | h1 + p{} | p:nth-child(2n + 1){}
css-selector-attribute | [href]{} | .href{}
css-selector-attribute | p:not([title]){} | p::after{content:"[x]"}
css-selector-chaining | .a.b{} | .a .b{}
css-selector-chaining | .a#b{} | .a,.b{}
css-selector-child | p>b{} | p b{}
css-selector-class | .a{} | #a{}
css-selector-class | @media print{p.a{}} | p{margin:.5px}
css-selector-descendant | p b{} | p > b{}
css-selector-descendant | @media print{.a .b{}} | p , b{}
css-selector-general-sibling | p ~ b{} | [class~=b]{}
css-selector-grouping | p,b{} | p:is(.a,.b){}
css-selector-id | #a{} | p{color:#aaa}
css-selector-type | p{} | .p{}
css-selector-type | td:hover{} | @keyframes a{from{top:0}}
css-selector-universal | *{} | [a*=b]{}
css-selector-universal | p > *{} | p{width:calc(1px * 2)}
css-unit-px | @keyframes a{from{top:1px}} | @font-face{size-adjust:1px}
css-display-flex | @media (min-width:1px){@supports (x:y){p{display:flex}}} | p{x:y;/* display:flex; */}
css-display-flex | p{color:red;display:flex | p{display;flex}
css-display-flex | } p{display:flex} | p{"display:flex"}
css-display-flex | p{d\69splay:fle\78} | p{display:"flex"}
"""

#: Elements and attributes, and what stands in the text.
MARKUP = """
amp | <html ⚡4email><p>x</p></html> | <html amp><p>x</p></html>
amp | <html lang="en" amp4email data-css-strict> | <p>amp4email</p>
css-inert-attribute | <p inert>x</p> | <p class="inert">x</p>
html-hr | <html><body><p>x</p></body></html><hr> | <html><body><p>x</p></body></html>
html-abbr | <abbr title=x>y</abbr> | <p abbr=x>y</p>
html-acronym | <ACRONYM>x</ACRONYM> | <abbr>x</abbr>
html-address | <address>x</address> | <p class=address>x</p>
html-align | <td align=left>x | <td valign=top>x
html-anchor-links | <a href="#x">y</a> | <a href="#">y</a>
html-anchor-links | <a href=" &#35;x">y</a> | <a href="https://a.example/#x">y</a>
html-aria-describedby | <p aria-describedby=x>y</p> | <p aria-details=x>y</p>
html-aria-hidden | <p aria-hidden=true>y</p> | <p hidden>y</p>
html-aria-label | <p aria-label=x>y</p> | <p aria-labelledby=x>y</p>
html-aria-labelledby | <p aria-labelledby=x>y</p> | <p aria-label=x>y</p>
html-aria-live | <p aria-live=polite>y</p> | <p aria-busy=true>y</p>
html-audio | <audio src=x>y</audio> | <a href="x.mp3">y</a>
html-background | <td background="x.png">y | <td bgcolor=red>y
html-base | <base href="https://a.example/"> | <a href="base">x</a>
html-bdi | <bdi>x</bdi> | <bdo dir=ltr>x</bdo>
html-blockquote | <blockquote>x</blockquote> | <q>x</q>
html-body | <body><p>x</p></body> | <p>x</p>
html-body | <BODY bgcolor=red> | <!-- <body> --><p>x</p>
html-button-reset | <button type=reset>x</button> | <input type=reset>
html-button-submit | <button>x</button> | <button type=button>x</button>
html-button-submit | <button type=Submit>x</button> | <button type=reset>x</button>
html-cellpadding | <table cellpadding=0><tr><td>x</table> | <table cellspacing=0><tr><td>x</table>
html-cellspacing | <table cellspacing=0><tr><td>x</table> | <table cellpadding=0><tr><td>x</table>
html-code | <code>x</code> | <samp>x</samp>
html-comments | <p>x<!-- y --></p> | <p title="<!-- y -->">x</p>
html-comments | <!-- y --><html><p>x</p></html> | <style><!-- p{top:0} --></style>
html-del | <del>x</del> | <s>x</s>
html-dfn | <dfn>x</dfn> | <i>x</i>
html-dialog | <dialog open>x</dialog> | <p role=dialog>x</p>
html-dir | <p dir=rtl>x</p> | <p style="direction:rtl">x</p>
html-div | <div>x</div> | <p>&lt;div&gt;</p>
html-doctype | <!DOCTYPE html><p>x | <!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "x.dtd"><p>x
html-doctype | \ufeff<!doctype html><p>x | <p>x
html-doctype | <!-- x --> <!doctype HTML><p>x | <p>&lt;!doctype html&gt;</p>
html-form | <form action=x>y</form> | <p form=x>y</p>
html-h1-h6 | <h1>x</h1> | <p role=heading>x</p>
html-h1-h6 | <h6>x</h6> | <hgroup>x</hgroup>
html-height | <td height=1>x | <td style="height:1px">x
html-hidden | <p hidden>x</p> | <p aria-hidden=true>x</p>
html-hr | <hr> | <br>
html-image-maps | <img src=a usemap="#m"> | <img src=a ismap>
html-image-maps | <map name=m><area href=x></map> | <p class=map>x</p>
html-img | <img src=a> | <svg><image href=a /></svg>
html-input-checkbox | <input type=CHECKBOX> | <input type=radio>
html-input-hidden | <input type=hidden> | <input hidden>
html-input-radio | <input type=radio> | <input type=checkbox>
html-input-reset | <input type=reset> | <button type=reset>x</button>
html-input-submit | <input type=submit> | <button>x</button>
html-input-text | <input type=text> | <input type=email>
html-input-text | <input name=x> | <textarea>x</textarea>
html-lang | <p lang=de>x</p> | <a hreflang=de href=x>y</a>
html-link | <link rel=stylesheet href=x> | <a href=x>y</a>
html-lists | <ul><li>x</ul> | <menu>x</menu>
html-lists | <dl><dt>x<dd>y</dl> | <p>1. x</p>
html-loading-attribute | <img src=a loading=lazy> | <img src=a decoding=async>
html-mailto-links | <a href="MAILTO:a@b.example">x</a> | <a href="https://a.example/?mailto:">x</a>
html-mailto-links | <area href="mailto:a@b.example"> | <a href="tel:1">x</a>
html-marquee | <marquee>x</marquee> | <p>marquee</p>
html-meta-color-scheme | <meta name="Color-Scheme" content="light dark"> | <meta name="supported-color-schemes" content="light">
html-meter | <meter value=1>x</meter> | <progress>x</progress>
html-object | <object data=x>y</object> | <iframe src=x>y</iframe>
html-object | <embed src=x> | <p>embed</p>
html-p | <p>x</p> | x
html-p | <P class=a>x | <pre>x</pre>
html-p | <b>a</b><p>x | text <!-- <p> --> text
html-picture | <picture><img src=a></picture> | <img src=picture>
html-popover | <p popover>x</p> | <button popovertarget=x type=button>x</button>
html-pre | <pre>x</pre> | <p style="white-space:pre">x</p>
html-progress | <progress>x</progress> | <meter>x</meter>
html-required | <input required> | <input aria-required=true>
html-role | <table role=presentation><tr><td>x</table> | <table><tr><td>x</table>
html-rp | <ruby>x<rp>(</rp></ruby> | <ruby>x<rt>y</rt></ruby>
html-rt | <ruby>x<rt>y</rt></ruby> | <ruby>x</ruby>
html-ruby | <ruby>x</ruby> | <rb>x</rb>
html-select | <select><option>x</select> | <datalist><option>x</datalist>
html-semantics | <article>x</article> | <div role=article>x</div>
html-semantics | <time>x</time> | <hgroup>x</hgroup>
html-semantics | <mark>x</mark> | <u>x</u>
html-small | <small>x</small> | <big>x</big>
html-span | <span>x</span> | <td colspan=2>x
html-srcset | <img src=a srcset="b 2x"> | <img src=a>
html-srcset | <img src=a sizes=100vw> | <link sizes=16x16 rel=icon href=a>
html-strike | <strike>x</strike> | <s>x</s>
html-strong | <strong>x</strong> | <b>x</b>
html-style | <style>p{top:0}</style> | <p style="top:0">x</p>
html-svg | <svg></svg> | <img src="x.svg">
html-table | <table><tr><td>x</table> | <p style="display:table">x</p>
html-target | <a href=x target=_blank>y</a> | <a href="#target">y</a>
html-textarea | <textarea>x</textarea> | <input>
html-valign | <td valign=top>x | <td align=left>x
html-video | <video src=x>y</video> | <img src="x.mp4">
html-wbr | a<wbr>b | a&shy;b
html-width | <img src=a width=1> | <img src=a style="width:1px">
image-apng | <img src="a.apng"> | <img src="a.png">
image-avif | <img src="A.AVIF?x=1"> | <img src="a.png?f=x.avif">
image-avif | <picture><source srcset="a" type="image/avif"><img src=b></picture> | <source type="video/avi" src=a>
image-base64 | <img src="data:image/png;base64,AAAA"> | <img src="data:image/svg+xml,%3Csvg/%3E">
image-base64 | <p style="background:url(data:image/gif;base64,AAAA)">x | <a href="data:text/plain;base64,AAAA">x</a>
image-bmp | <img src="a.bmp#x"> | <img src="a.bmp.png">
image-gif | <td background="a.gif">x | <a href="a.gif">x</a>
image-hdr | <img src="a.hdr"> | <img src="hdr.jpg">
image-heif | <img src="a.heic"> | <img src="heif">
image-ico | <img src="a.ico"> | <img src="https://a.ico">
image-jpg | <img src="a.jpeg"> | <p>a.jpeg</p>
image-jpg | <td style="background-image:url('a.jpg')">x | <td style="--x:'a.jpg'">x
image-mp4 | <img src="a.mp4"> | <video src="a.mp4">x</video>
image-png | <img src="https://a.example/b.c/d.png"> | <img src="cid:a.png">
image-png | <img src="a" srcset="b.png 2x, c.gif 3x"> | <img src=a alt="b.png">
image-svg | <img src="data:image/svg+xml;utf8,%3Csvg/%3E"> | <svg></svg>
image-tiff | <input type=image src="a.tif"> | <img src="a.tif.jpg">
image-webp | <video poster="a.webp">x</video> | <img src="webp/a.png">
image-webp | <style>p{background:image-set("a.webp" 1x)}</style> | <style>p{content:"a.webp"}</style>
css-display-flex | <p style="display:&#102;lex">x</p> | <p title="display:flex">x</p>
css-display-flex | <p STYLE='color:red;; Display : FLEX'>x</p> | <p data-style="display:flex">x</p>
css-display-flex | <style type="text/css">p{display:flex}</style> | <style type="text/plain">p{display:flex}</style>
css-display-flex | <!--[if !mso]><!--><p style="display:flex">x</p><!--<![endif]--> | <!--[if mso]><p style="display:flex">x</p><![endif]-->
html-table | <p>x</p><![if !mso]><table><tr><td>x</table><![endif]> | <p>x</p><!--[if mso]><table><tr><td>x</table><![endif]-->
"""


def rows(table: str) -> list[tuple[str, str, str]]:
    made = []
    for line in table.strip().split("\n"):
        slug, used, near = line.split(" | ")
        made.append((slug.strip(), used, near))
    return made


@pytest.mark.parametrize(("slug", "used", "near"), rows(DECLARATIONS))
def test_a_declaration_uses_a_feature_wherever_it_stands(slug: str, used: str, near: str) -> None:
    assert slug in uses(f"<p style='{used}'>x</p>")
    assert slug in uses_css(f"p{{{used}}}")
    assert slug in uses_css(f"@media print{{a:hover{{color:red;{used};}}}}")
    assert slug not in uses(f"<p style='{near}'>x</p>")
    assert slug not in uses_css(f"p{{{near}}}")
    assert slug not in uses_css(f"p{{/* {used} */{near}}}")
    assert slug not in uses_css(f"""p{{{near};content:'{used.replace("'", "")}'}}""")


@pytest.mark.parametrize(("slug", "used", "near"), rows(SHEETS))
def test_a_style_sheet_uses_a_feature(slug: str, used: str, near: str) -> None:
    assert slug in uses_css(used)
    assert slug in uses(f"<html><head><style>{used}</style></head><body>x</body></html>")
    assert slug not in uses_css(near)
    assert slug not in uses(f"<html><head><style>{near}</style></head><body>x</body></html>")


@pytest.mark.parametrize(("slug", "used", "near"), rows(MARKUP))
def test_markup_uses_a_feature(slug: str, used: str, near: str) -> None:
    assert slug in uses(used)
    assert slug not in uses(near)


def test_every_feature_of_the_data_has_a_sample_but_those_that_no_email_shows() -> None:
    tried = {slug for table in (DECLARATIONS, SHEETS, MARKUP) for slug, _, _ in rows(table)}
    assert set(features()) - tried == set(NOT_SEEN)
    assert tried <= set(features())
    assert len(tried) >= 250


def test_a_use_names_the_piece_and_its_line() -> None:
    (flex,) = uses_css("p{color:red}\n\nb{\n  display : flex}")["css-display-flex"]
    assert (flex.snippet, flex.line) == ("display:flex", 4)
    assert uses('<a href="#x">y</a>')["html-anchor-links"][0].snippet == 'href="#x"'


def test_the_same_features_are_found_in_any_case() -> None:
    for slug, used, _ in rows(DECLARATIONS):
        if slug != "css-variables":
            assert slug in uses(f"<P STYLE='{used.upper()}'>x</P>"), used
    for slug, used, _ in rows(SHEETS):
        if "\\" not in used and "data" not in used:
            assert slug in uses_css(used.upper()), used


def nested(piece: str, depth: int) -> Iterator[str]:
    yield "<div>" * depth + piece + "</div>" * depth
    yield "<table><tr><td>" * depth + piece


@pytest.mark.parametrize("depth", [1, 50])
def test_a_feature_is_found_at_any_depth(depth: int) -> None:
    for html in nested('<p style="display:flex">x</p>', depth):
        assert "css-display-flex" in uses(html)


def test_much_of_anything_is_read_in_linear_time() -> None:
    for piece in (
        "<div style='",
        "<!--",
        "/*",
        "@media(",
        "p{",
        ":not(",
        "data:image/png;",
        "a.b",
        "<img srcset='a,",
    ):
        uses(piece * 3_000)
        uses(f"<style>{piece * 3_000}</style>")
        uses(f'<img src="{piece * 3_000}">')


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("{}()[]:;,'\"\\/*@#.<>!-& \nab1%é\0") | st.characters(), max_size=60))
def test_no_text_makes_the_detection_fail(text: str) -> None:
    for html in (
        text,
        f"<style>{text}</style>",
        f"<p style='{text}'>x</p>",
        f"<img srcset='{text}' src='{text}'>",
    ):
        assert set(uses(html)) <= set(features())
    assert set(uses_css(text)) <= set(features())
