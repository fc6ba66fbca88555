import { describe, expect, it } from 'vitest'
import { tidyText } from './validate'

describe('tidyText', () => {
  it('makes full-width digits, letters and spaces plain', () => {
    expect(tidyText('　ＡＢｃ１２　３ ')).toBe('ABc12 3')
  })
  it('keeps the brackets of names as they are on the licence', () => {
    expect(tidyText('松江（集团）有限公司，哈尔滨')).toBe('松江（集团）有限公司，哈尔滨')
  })
})
