import { expect, test } from 'vitest';
import { definitionOf } from '../../src/inspect/definition.ts';
import { allMachines } from '../machines/all-machines.ts';

test('a definition has every state of its machine, and none of the data in its code', async () => {
  for (const { machine } of await allMachines()) {
    const definition = JSON.parse(JSON.parse(definitionOf(machine, machine.id))) as object;
    const statesOf = (node: object): readonly string[] =>
      Object.entries(Object(Reflect.get(node, 'states'))).flatMap(([name, inner]) => [
        name,
        ...statesOf(Object(inner)),
      ]);
    expect(statesOf(definition)).toEqual(statesOf(machine.config));
    expect(JSON.stringify(definition)).not.toContain('paused by an operator');
  }
  const other = definitionOf({ config: { secret: 'Geheim: 4711' } }, '0.projection');
  expect(JSON.parse(other)).toBe('{"id":"0.projection"}');
});
