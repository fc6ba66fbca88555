import { describe, expect, it } from 'vitest'
import vectors from '../../../../../tests/vectors/validators.json'
import { isCreditCode, isEmail, isIdentityNumber, isMobile, isPostcode, isQq, tidyText } from './validate'

const RULES: Record<string, (text: string) => boolean> = { identityNumber: isIdentityNumber, creditCode: isCreditCode, mobile: isMobile, postcode: isPostcode, email: isEmail, qq: isQq }

describe('the validators', () => {
  it.each(vectors)('say of $rule "$text" what the server says', ({ rule, text, holds }) => {
    expect(RULES[rule]?.(text)).toBe(holds)
  })
})

describe('tidyText', () => {
  it('makes full-width digits, letters and spaces plain', () => {
    expect(tidyText('　ＡＢｃ１２　３ ')).toBe('ABc12 3')
  })
  it('keeps the brackets of names as they are on the licence', () => {
    expect(tidyText('松江（集团）有限公司，哈尔滨')).toBe('松江（集团）有限公司，哈尔滨')
  })
})
