// Checks the browser scripts: nothing newer than ES2018, no browser API that is not on this list (old WebViews).
'use strict';

const js = require('@eslint/js');

const BROWSER = [
  'AbortController', 'CustomEvent', 'Intl', 'TextDecoder', 'URL', 'URLSearchParams', 'clearTimeout', 'document', 'fetch',
  'getComputedStyle', 'setTimeout', 'window',
];

const rules = {
  'class-methods-use-this': 'off',
  complexity: ['error', 8],
  eqeqeq: 'error',
  'max-len': ['error', { code: 130 }],
  'max-lines': ['error', 260],
  'no-restricted-properties': ['error', { property: 'innerHTML' }, { property: 'outerHTML' }, { property: 'insertAdjacentHTML' }],
  'no-restricted-syntax': ['error', {
    selector: ':matches(Literal, TemplateElement)[raw=/[\\u4e00-\\u9fff]/]',
    message: 'Words stand in the HTML templates, not in scripts.',
  }],
  'no-unused-vars': ['error', { caughtErrors: 'none' }],
  'no-use-before-define': ['error', { functions: false, classes: true, variables: false }],
  'no-var': 'error',
  'prefer-const': 'error',
};

module.exports = [
  js.configs.recommended,
  {
    files: ['channels/**/*.js'],
    languageOptions: {
      ecmaVersion: 2018,
      sourceType: 'module',
      globals: Object.assign({}, ...BROWSER.map((name) => ({ [name]: 'readonly' }))),
    },
    rules,
  },
  { files: ['channels/*/embed.js'], languageOptions: { sourceType: 'script', globals: { __WORDS__: 'readonly' } } },
  { files: ['eslint.config.js'], languageOptions: { sourceType: 'commonjs', globals: { require: 'readonly', module: 'writable' } } },
];
