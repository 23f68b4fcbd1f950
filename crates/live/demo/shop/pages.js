'use strict';

const COLOURS = ['amber', 'coral', 'ivory', 'indigo', 'olive', 'pearl', 'russet', 'teal'];
const THINGS = ['chair', 'desk', 'kettle', 'lamp', 'mirror', 'rug', 'shelf', 'stool', 'table', 'vase'];
const RELATED = 120;

class Page {
  constructor(product, html) {
    this.product = product;
    this.html = html;
    this.renderedAt = Date.now();
  }
}

// Keeps the pages that were asked for last.
class PageCache {
  constructor(limit) {
    this.limit = limit;
    this.pages = new Map();
  }

  get(product) {
    let page = this.pages.get(product);
    if (page) {
      this.pages.delete(product);
    } else {
      page = new Page(product, render(product));
    }
    this.pages.set(product, page);
    if (this.pages.size > this.limit) {
      this.pages.delete(this.pages.keys().next().value);
    }
    return page;
  }
}

function title(product) {
  return `${COLOURS[product % COLOURS.length]} ${THINGS[product % THINGS.length]} no. ${product}`;
}

function price(product) {
  return (5 + (product * 37) % 400 + 0.95).toFixed(2);
}

function render(product) {
  const lines = [
    '<!doctype html>',
    `<title>${title(product)}</title>`,
    `<h1>${title(product)}</h1>`,
    `<p class="price">${price(product)} EUR</p>`,
    '<h2>Others looked at</h2>',
    '<ul>',
  ];
  for (let i = 1; i <= RELATED; i += 1) {
    const other = product * RELATED + i;
    lines.push(
      `<li><a href="/product/${other}"><img src="/images/${other}.jpg" alt="">${title(other)}</a>` +
      ` <span class="price">${price(other)} EUR</span></li>`,
    );
  }
  lines.push('</ul>');
  return lines.join('\n');
}

module.exports = { Page, PageCache };
