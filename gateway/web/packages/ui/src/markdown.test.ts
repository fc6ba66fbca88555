import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import MarkdownText from './components/MarkdownText.vue'

const shown = (text: string): string => mount(MarkdownText, { props: { text } }).element.innerHTML.replace(/<!--.*?-->/g, '')

describe('Markdown', () => {
  it('is headings, lists, tables and emphasis', () => {
    expect(shown('# 时间\n\n请在**6 月 30 日**之前\n签约')).toBe('<h2>时间</h2><p>请在<strong>6 月 30 日</strong>之前<br>签约</p>')
    expect(shown('- 一\n- 二')).toBe('<ul><li>一</li><li>二</li></ul>')
    expect(shown('3. 三\n4. 四')).toBe('<ol start="3"><li>三</li><li>四</li></ol>')
    expect(shown('| 事 | 谁 |\n|---|---|\n| 签约 | 学生 |')).toContain('<th scope="col">谁</th>')
  })
  it('leaves HTML the text that it is', () => {
    expect(shown('<script>alert(1)</script>')).not.toContain('<script')
    expect(shown('看 <img src=x onerror=alert(1)> 这里')).toContain('&lt;img src=x')
    expect(shown('![画](https://example.com/a.png)')).not.toContain('<img')
  })
  it('lets links lead only where links may', () => {
    expect(shown('[官网](https://example.com)')).toContain('<a href="https://example.com" rel="noopener noreferrer nofollow">官网</a>')
    expect(shown('见 https://example.com 。')).toContain('<a href="https://example.com"')
    expect(shown('[点](javascript:alert(1))')).toBe('<p>点</p>')
    expect(shown('[点](//evil.example)')).toBe('<p>点</p>')
    expect(shown('[点](java&#115;cript:alert(1))')).not.toContain('<a')
  })
  it('writes characters as they were meant', () => {
    expect(shown('A & B &amp; `a<b` 1 < 2')).toBe('<p>A &amp; B &amp; <code>a&lt;b</code> 1 &lt; 2</p>')
  })
})
