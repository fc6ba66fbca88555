import { expect, it } from 'vitest'
import { classNames } from './staff'

it('reads classes by lines and by commas of both languages, each once', () => {
  expect(classNames('软件2201班\n计算2201班，软件2202班, 软件2201班、\n')).toEqual(['软件2201班', '计算2201班', '软件2202班'])
  expect(classNames(' \n')).toEqual([])
})
