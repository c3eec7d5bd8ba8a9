//! Revision of the models: removes what is known otherwise, or cannot be asked for any more.

use std::collections::BTreeSet;

use crate::{
    Op,
    account::{Account, Ask},
    board::{self, Board},
    client,
    invariants::{Broken, Invariant},
    linear::Checker,
    plan::PEOPLE,
    run::Episode,
};

impl Episode {
    /// Removes from the models what is known otherwise, or cannot be asked for any more.
    pub(crate) fn revise(&mut self) -> Result<(), Broken> {
        let (now, links) = {
            let state = self.world.state();
            let of = |person| {
                let to = client::address(person);
                state.mailbox.of(&to).filter_map(|mail| Some(mail.link.as_ref()?.1)).collect::<Vec<_>>()
            };
            (state.now, (0..PEOPLE).map(of).collect::<Vec<_>>())
        };
        for ((checker, links), person) in self.accounts.iter_mut().zip(links).zip(&self.people) {
            for op in links {
                // Of a request under way the models do not know yet that it took effect.
                if checker.waits(op) || !self.seen.insert(op) {
                    continue;
                }
                // Where no state waits for the mail, it is so old that its link has expired.
                if checker.models().any(|model| model.waits_for_mail(op)) {
                    let kept = checker.revise(|model| {
                        let waits = model.waits_for_mail(op);
                        model.saw_mail(op);
                        waits
                    });
                    kept.map_err(|how| Broken::new(Invariant::MailArrives, how))?;
                }
            }
            // Clients send the newest keys again; a request under way may have an older one.
            let under_way = checker.asks().filter_map(|ask| match ask {
                Ask::CreateKey(_, Some((key, _))) => Some(*key),
                _ => None,
            });
            let once = under_way.chain([person.onces.saturating_sub(1)]).min().unwrap_or_default();
            checker
                .revise(|model| {
                    model.forget(now, once);
                    true
                })
                .map_err(|how| Broken::new(Invariant::AccountsAreExplained, how))?;
        }
        let known = self.people.iter().flat_map(|person| &person.runs).map(|run| run.op).collect::<BTreeSet<_>>();
        // Includes requests that nobody waits for, and that the database has not carried out yet.
        let asked = self.board.asks().filter_map(|ask| match ask {
            board::Ask::Upload(_, run, _) | board::Ask::Publish(_, run) | board::Ask::Withdraw(_, run) => Some(*run),
            _ => None,
        });
        let known = known.into_iter().chain(asked).collect::<BTreeSet<_>>();
        // Requests under way may still report runs with their numbers or later ones.
        let waits = self.sent.keys().chain(self.leaving.iter().map(|(op, _)| op)).min().copied().unwrap_or(self.next);
        let is_known = |op: Op| op >= waits || known.contains(&op);
        let once = self.people.iter().map(|person| person.onces).collect::<Vec<_>>();
        let under_way = self.board.asks().filter_map(|ask| match ask {
            board::Ask::Open(_, _, _, Some((key, _))) => Some(*key),
            _ => None,
        });
        let under_way = under_way.collect::<BTreeSet<_>>();
        let is_usable =
            |key: u32| under_way.contains(&key) || once.iter().any(|newest| key + 1 >= *newest && key <= *newest);
        // An owner whose account is gone in every state has no usable keys; one whose account exists in every state is
        // not gone.
        let owners = self.board.models().flat_map(Board::owners).collect::<BTreeSet<_>>();
        let (mut there, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for owner in owners {
            let has = |checker: &Checker<Account>| {
                let has = checker.models().map(|model| model.owner() == Some(owner));
                has.fold((true, false), |(all, any), has| (all && has, any || has))
            };
            let known = self.accounts.iter().map(has).collect::<Vec<_>>();
            if known.iter().any(|(all, _)| *all) {
                there.insert(owner);
            } else if known.iter().all(|(_, any)| !any) {
                gone.insert(owner);
            }
        }
        let is_settled = self.leaving.is_empty() && self.sent.is_empty();
        let revised = self.board.revise(|model| {
            gone.iter().filter(|_| is_settled).for_each(|owner| model.left(*owner));
            model.forget(is_known, is_usable);
            !is_settled || !there.iter().any(|owner| model.is_gone(*owner))
        });
        revised.map_err(|how| Broken::new(Invariant::BoardsAreExplained, how))
    }
}
