import type { CommandDialog } from '../../core/operator-commands/command-definition.ts';
import { make } from '../element.ts';

/** The operator's answer; null if the operator has cancelled. */
export type Decision = { readonly reason: string | null } | null;

/**
 * Says what the command will do, and waits for confirmation. A command that removes rows starts with the focus on `Cancel`.
 * Escape cancels. The browser returns the focus to the button.
 */
export function askFor(
  { title, says, confirm, grave = false }: CommandDialog,
  { needsReason }: { readonly needsReason: boolean },
): Promise<Decision> {
  const reason = make('textarea', { id: 'reason', maxlength: '500', rows: '2', required: true });
  const yes = make('button', { type: 'submit', class: grave ? 'danger' : 'primary' }, confirm);
  const no = make('button', { type: 'button' }, 'Cancel');
  const form = make(
    'form',
    {},
    make('h2', { id: 'question' }, title),
    ...says.map((text) => make('p', {}, text)),
    ...(needsReason ? [make('label', { for: 'reason' }, 'Reason, for the record'), reason] : []),
    make('div', { class: 'choices' }, no, yes),
  );
  const dialog = make('dialog', { 'aria-labelledby': 'question' }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let decision: Decision = null;
    no.addEventListener('click', () => dialog.close());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = reason.value.trim();
      if (needsReason && text === '') return;
      decision = { reason: needsReason ? text : null };
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(decision);
    });
    dialog.showModal();
    (needsReason ? reason : grave ? no : yes).focus();
  });
}
