/** What a candidate shows of itself: the bytes of its znode. */
import type { Data } from '../../src/api/zk.js'
import { checkData } from '../kernel/check.js'
import { isRevokeMark } from '../kernel/revoke-mark.js'

/** @throws TypeError for what is no data, or would be taken for a request to give up. */
export function checkValue(value: Data): void {
  checkData('a value', value)
  if (value !== null && isRevokeMark(Buffer.from(value)))
    throw new TypeError('this value would be taken for a request to give up')
}
