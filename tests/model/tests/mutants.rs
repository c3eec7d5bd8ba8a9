//! Faults put into the application, each of which the simulation has to find and to shorten. A simulation that finds
//! none of these would find no real one.

use aibaas_model::{plan, shrink, world::Mutant};

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a session that was ended can still write",
        text: "AND s.user_id = ?2 AND s.revoked_at IS NULL AND",
        instead: "AND s.user_id = ?2 AND",
    },
    Mutant {
        name: "an old refresh token does not end its session",
        text: "AND (generation > ?2 + 1 OR",
        instead: "AND (0 OR",
    },
    Mutant {
        name: "a link works twice",
        text: "AND used_at IS NULL AND expires_at > ?2",
        instead: "AND expires_at > ?2",
    },
    Mutant {
        name: "an answer is not kept with its effect",
        text: "SET status = ?4, answer = ?5\nWHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL",
        instead: "SET claim = ?3 || substr(?4, 1, 0) || substr(?5, 1, 0) \
                  WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL",
    },
    Mutant {
        name: "a limit lets one too many in",
        text: "k.rate_limit AS most,",
        instead: "k.rate_limit + 1 AS most,",
    },
    Mutant { name: "a limit lets one too few in", text: "k.rate_limit AS most,", instead: "k.rate_limit - 1 AS most," },
    Mutant {
        name: "a withdrawn run stays on the board",
        text: "AND ranked IS NOT (SELECT",
        instead: "AND 0 AND ranked IS NOT (SELECT",
    },
    Mutant {
        name: "nothing takes the place of a withdrawn run",
        text: "WHERE x.id = ?1\n  AND NOT EXISTS",
        instead: "WHERE x.id = ?1 AND x.status = 'published' AND NOT EXISTS",
    },
    Mutant {
        name: "a run takes the place of another owner's",
        text: "AND o.owner_id = runs.owner_id",
        instead: "AND o.owner_id IS NOT NULL",
    },
    Mutant {
        name: "a mail is not noted as sent",
        text: "UPDATE outbox SET sent_at = ?2, next_attempt_at = NULL, payload = NULL WHERE id = ?1",
        instead: "UPDATE outbox SET sent_at = ?2 WHERE id = ?1",
    },
    Mutant {
        name: "a changed password leaves other sessions alive",
        text: "WHERE user_id = ?1 AND revoked_at IS NULL AND id IS NOT ?4",
        instead: "WHERE user_id = ?1 AND revoked_at IS NULL AND id = ?4",
    },
];

fn found(mutant: Mutant) {
    for seed in 0..40 {
        let steps = plan::steps(seed, 1500);
        let outcome = shrink::play_mutant(seed, &steps, mutant);
        assert!(outcome.mutated, "{}: no statement has this text any more", mutant.name);
        let Some(broken) = outcome.broken else { continue };
        let breaks = &mut |steps: &[plan::Step]| shrink::play_mutant(seed, steps, mutant).broken;
        let short = shrink::shrink(&steps, 600, breaks);
        println!(
            "{}: seed {seed}, {:?}, {} steps:\n{}",
            mutant.name,
            broken.kind(),
            short.len(),
            shrink::describe(&short)
        );
        let again = shrink::read(&shrink::list(&short), &steps).expect("a list");
        assert_eq!(again, short, "{}: the list reads as it was written", mutant.name);
        let again = shrink::play_mutant(seed, &again, mutant).broken.map(|broken| broken.kind());
        assert_eq!(again, Some(broken.kind()), "{}: what was made shorter breaks the same", mutant.name);
        assert!(short.len() <= 40, "{}: {} steps are not short", mutant.name, short.len());
        return;
    }
    panic!("{}: not found", mutant.name);
}

#[test]
fn faults_of_accounts_are_found() {
    MUTANTS[..3].iter().chain(&MUTANTS[10..]).copied().for_each(found);
}

#[test]
fn faults_of_keys_and_requests_are_found() {
    MUTANTS[3..6].iter().chain(&MUTANTS[9..10]).copied().for_each(found);
}

#[test]
fn faults_of_publishing_are_found() {
    MUTANTS[6..9].iter().copied().for_each(found);
}
