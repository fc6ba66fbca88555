// What is held by machine: no words in components, controls with labels, no dead code.
import vueI18n from '@intlify/eslint-plugin-vue-i18n'
import vue from 'eslint-plugin-vue'
import vueA11y from 'eslint-plugin-vuejs-accessibility'
import typescript from 'typescript-eslint'

/** Chinese letters stand in locales only. */
const NO_CHINESE = {
  selector: 'Literal[value=/[\\u4e00-\\u9fff]/], TemplateElement[value.raw=/[\\u4e00-\\u9fff]/]',
  message: 'Words belong into locales/zh-CN.json.',
}

export default typescript.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'packages/api/src/schema.d.ts', 'public/**'] },
  ...typescript.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...vueA11y.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: typescript.parser } },
    plugins: { '@intlify/vue-i18n': vueI18n },
    rules: {
      '@intlify/vue-i18n/no-raw-text': ['error', { ignorePattern: '^[\\s\\d·:：/%×→—–()（）,，.、#*+-]*$', attributes: { '/.+/': ['title', 'aria-label', 'placeholder', 'alt', 'label', 'hint', 'lead', 'action'] } }],
      // Layout of markup is the formatter's and the reader's business, not a rule's.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/attributes-order': 'off',
      // Absent properties are undefined on purpose.
      'vue/require-default-prop': 'off',
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      // A label that is tied by `for` is enough; the plugin wants nesting too.
      // Safari takes the role of a list away with its marks; the attribute gives it back.
      'vuejs-accessibility/no-redundant-roles': 'off',
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    files: ['**/*.{ts,vue}'],
    rules: {
      'no-undef': 'off',
      'no-restricted-syntax': ['error', NO_CHINESE],
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    files: ['**/*.test.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
