//! One black-box suite, written once, run against every host.
//!
//! `cargo test` runs it on all of them; `cargo test -- native::` on one, `cargo test -- auth::register` those cases on
//! all. With `AIBAAS_TEST_URL=https://…` it runs against that address instead, which must keep its mail
//! (`ENVIRONMENT=development`, no provider) and name admin@example.com in `ADMIN_EMAILS`; from another machine its
//! limits by address must be wide enough.

mod account;
mod account_forms;
mod account_keys;
mod account_pages;
mod address;
mod admin;
mod admin_pages;
mod api_keys;
mod audit;
mod auth;
mod backups;
mod bad_input;
mod bounces;
mod bounds;
mod browser;
mod changes;
mod compare;
mod composite;
mod connections;
mod conventions;
mod counts;
mod dataset;
mod dependencies;
mod doctor;
mod documents;
mod durability;
mod evidence;
mod exports;
mod formats;
mod guessing;
mod health;
mod history;
mod idempotency;
mod imports;
mod install;
mod kept_answers;
mod leaderboard;
mod limits;
mod log;
mod mail_delivery;
mod metrics;
mod mfa;
mod moderation;
mod moving;
mod native_keys;
mod native_metrics;
mod native_program;
mod notices;
mod observed;
mod packs;
mod pages;
mod parameters;
mod parity;
mod passwords;
mod project;
mod public_reads;
mod publishing;
mod real_input;
mod revocation;
mod seals;
mod secrecy;
mod secret_scanning;
mod sessions;
mod site;
mod slices;
mod smtp;
mod snapshots;
mod spin_component;
mod standings;
mod storage;
mod systems;
mod time;
mod traces;
mod typescript;
mod users;
mod users_import;
mod vectors;
mod verify;
mod versions;
mod webhooks;
mod withdrawal;
mod workerd;
mod writers;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

#[cfg(unix)]
use aibaas_tests::host::spin::false_programs;
use aibaas_tests::{
    Case,
    case::{self, NotLookedAt},
    fixtures,
    host::{self, Host, Kind, Setup},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::{runtime::Runtime, sync::Semaphore};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
/// A case that takes longer is named.
const SLOW: Duration = Duration::from_secs(15);
/// How many cases run at once: most of a case is waiting for its host.
const AT_ONCE: usize = 12;
/// A place for each case that runs. Those that move the time need none.
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
/// How the cases ended, by the first part of the name.
static COUNTS: Mutex<BTreeMap<String, Counts>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

/// The cases that every host is held against.
fn everywhere() -> Vec<Case> {
    let areas = [
        auth::cases(),
        sessions::cases(),
        users::cases(),
        address::cases(),
        passwords::cases(),
        observed::cases(),
        native_metrics::cases(),
        mfa::cases(),
        guessing::cases(),
        account::cases(),
        account_pages::cases(),
        account_forms::cases(),
        account_keys::cases(),
        audit::cases(),
        admin::cases(),
        admin_pages::cases(),
        api_keys::cases(),
        idempotency::cases(),
        imports::cases(),
        secret_scanning::cases(),
        bounces::cases(),
        notices::cases(),
        public_reads::cases(),
        publishing::cases(),
        seals::cases(),
        counts::cases(),
        metrics::cases(),
        versions::cases(),
        dependencies::cases(),
        evidence::cases(),
        composite::cases(),
        kept_answers::cases(),
        leaderboard::cases(),
        packs::cases(),
        pages::cases(),
        compare::cases(),
        slices::cases(),
        snapshots::cases(),
        formats::cases(),
        changes::cases(),
        health::cases(),
        history::cases(),
        moderation::cases(),
        webhooks::cases(),
        withdrawal::cases(),
        systems::cases(),
        standings::cases(),
        site::cases(),
        limits::cases(),
        log::cases(),
        verify::cases(),
        revocation::cases(),
        connections::cases(),
        conventions::cases(),
        bad_input::cases(),
        parameters::cases(),
        documents::cases(),
        dataset::cases(),
        exports::cases(),
        mail_delivery::cases(),
        real_input::cases(),
        time::cases(),
        storage::cases(),
        bounds::cases(),
        writers::cases(),
    ];
    areas.into_iter().flatten().collect()
}

fn main() {
    // A case's failure is shown once, at the end, and not in the middle of the others.
    std::panic::set_hook(Box::new(|panic| PANIC.set(panic.to_string())));
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = Arguments::from_args();
    let kinds = match std::env::var("AIBAAS_TEST_URL") {
        Ok(_) => vec![Kind::Remote],
        Err(_) => vec![Kind::Native, Kind::Spin, Kind::Cloudflare],
    };

    let (mut trials, mut moving, mut wanted) = (Vec::new(), Vec::new(), HashSet::new());
    let cases = everywhere().into_iter().map(Arc::new).collect::<Vec<_>>();
    for &kind in &kinds {
        for case in &cases {
            let name = format!("{kind}::{}", case.name);
            let elsewhere = kind == Kind::Remote && case.setup != Setup::KeepsMail;
            if chosen(&arguments, &name) && !elsewhere {
                wanted.insert((kind, case.setup));
            }
            // Nobody but the suite sets a host up like that.
            let trial = on_host(name, kind, Arc::clone(case)).with_ignored_flag(elsewhere);
            if case.setup.moves_time() { &mut moving } else { &mut trials }.push(trial);
        }
        // The native host's cases go on while the other hosts are built, for which these wait.
        if kind == Kind::Native {
            trials.extend(once(&kinds));
        }
    }
    // First those that can only follow each other: a thread each, most of which wait for the one before.
    arguments.test_threads.get_or_insert(AT_ONCE + moving.len());
    trials.splice(..0, moving);
    if !arguments.list {
        // Side by side, ahead of their cases: most of a start is building.
        for (kind, setup) in wanted {
            RUNTIME.spawn(Host::of(kind, setup));
        }
    }
    let started = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    host::stop_all(conclusion.has_failed());
    if !arguments.list {
        for (group, Counts { passed, failed, ignored }) in COUNTS.lock().expect("no panic").iter() {
            println!("{group}: {passed} passed, {failed} failed, {ignored} not looked at");
        }
        for (reason, times) in case::skipped_parts() {
            println!("in {times} cases not looked at: {reason}");
        }
        println!("the suite took {:.0} s", started.elapsed().as_secs_f64());
    }
    conclusion.exit();
}

/// What is looked at once, and not on each host.
fn once(kinds: &[Kind]) -> Vec<Trial> {
    let kinds = kinds.to_vec();
    let (browsed, ended) = (kinds.clone(), kinds.clone());
    let parity = async move {
        let mut hosts = Vec::new();
        for kind in kinds {
            hosts.push(Host::of(kind, Setup::KeepsMail).await?);
        }
        parity::compare(&hosts, &fixtures::unique("parity")).await;
        Ok(())
    };
    let plain = |name: &str, body: fn()| {
        counted(name.to_owned(), move || {
            body();
            Ok(())
        })
    };
    let mut trials = vec![
        counted("hosts::the_same_request_gets_the_same_answer".to_owned(), || RUNTIME.block_on(parity)),
        counted("typescript::by_itself".to_owned(), || RUNTIME.block_on(typescript::by_itself())),
        counted("project::the_worker_deploys".to_owned(), project::the_worker_deploys),
        counted("vectors::on_the_host".to_owned(), vectors::on_the_host),
        counted("vectors::in_wasm".to_owned(), vectors::in_wasm),
        counted("workerd::goes_on_after_a_trap".to_owned(), || RUNTIME.block_on(workerd::goes_on_after_a_trap())),
        counted("workerd::its_shield_counts_networks".to_owned(), workerd::its_shield_counts_networks),
        counted("workerd::counts_requests_in_its_data_set".to_owned(), || {
            RUNTIME.block_on(workerd::counts_requests_in_its_data_set())
        }),
        counted("workerd::counts_what_waits_in_its_data_set".to_owned(), || {
            RUNTIME.block_on(workerd::counts_what_waits_in_its_data_set())
        }),
        counted("workerd::keys_outlive_their_objects".to_owned(), || {
            RUNTIME.block_on(workerd::keys_outlive_their_objects())
        }),
        counted("workerd::publishing_the_largest_run_keeps_its_budget".to_owned(), || {
            RUNTIME.block_on(workerd::publishing_the_largest_run_keeps_its_budget())
        }),
        counted("workerd::instances_agree_about_keys".to_owned(), || {
            RUNTIME.block_on(workerd::instances_agree_about_keys())
        }),
        counted("workerd::what_cannot_be_told_is_not_revoked".to_owned(), || {
            RUNTIME.block_on(workerd::what_cannot_be_told_is_not_revoked())
        }),
        counted("workerd::its_binding_sends_mail".to_owned(), || RUNTIME.block_on(workerd::its_binding_sends_mail())),
        counted("workerd::its_schedule_sends_mail".to_owned(), || RUNTIME.block_on(workerd::its_schedule_sends_mail())),
        plain(
            "project::the_worker_reaches_its_own_zone_as_everybody_does",
            project::the_worker_reaches_its_own_zone_as_everybody_does,
        ),
        plain("project::a_fit_spin_is_known_by_its_version", project::a_fit_spin_is_known_by_its_version),
        plain("project::asvs_rows_name_tests_that_exist", project::asvs_rows_name_tests_that_exist),
        counted("workerd::hashes_in_durable_objects".to_owned(), || {
            RUNTIME.block_on(workerd::hashes_in_durable_objects())
        }),
        counted("workerd::tells_its_own_mistakes".to_owned(), || RUNTIME.block_on(workerd::tells_its_own_mistakes())),
        plain("secrecy::on_native", || RUNTIME.block_on(secrecy::on_native())),
        counted("secrecy::on_spin".to_owned(), || RUNTIME.block_on(secrecy::on_spin())),
        counted("secrecy::in_workerd".to_owned(), || RUNTIME.block_on(secrecy::in_workerd())),
        plain("packs::on_native", || RUNTIME.block_on(packs::on_native())),
        counted("packs::on_spin".to_owned(), || RUNTIME.block_on(packs::on_spin())),
        counted("packs::in_workerd".to_owned(), || RUNTIME.block_on(packs::in_workerd())),
        plain("native_program::command_line", native_program::command_line),
        plain("native_program::completions_and_manual", native_program::completions_and_manual),
        plain("native_program::health_is_told_by_the_program", native_program::health_is_told_by_the_program),
        plain("native_program::command_line_of_the_client", native_program::command_line_of_the_client),
        plain(
            "native_program::other_machines_are_not_served_by_mistake",
            native_program::other_machines_are_not_served_by_mistake,
        ),
        plain("native_program::it_says_where_it_listens", native_program::it_says_where_it_listens),
        plain("native_program::an_unnamed_proxy_is_told_of_once", || {
            RUNTIME.block_on(native_program::an_unnamed_proxy_is_told_of_once())
        }),
        plain("native_program::nobody_takes_all_places", || RUNTIME.block_on(connections::nobody_takes_all_places())),
        plain(
            "native_program::production_refuses_to_start_half_configured",
            native_program::production_refuses_to_start_half_configured,
        ),
        plain("native_program::a_backup_brings_back_what_was_there", || {
            RUNTIME.block_on(backups::a_backup_brings_back_what_was_there())
        }),
        plain("native_program::a_request_is_a_line", || RUNTIME.block_on(observed::a_request_is_a_line())),
        plain("native_program::a_wrong_log_setting_is_told", observed::a_wrong_log_setting_is_told),
        plain("native_traces::a_request_is_a_span", || RUNTIME.block_on(traces::a_request_is_a_span())),
        plain("native_traces::a_dead_collector_holds_up_nothing", || {
            RUNTIME.block_on(traces::a_dead_collector_holds_up_nothing())
        }),
        plain("native_traces::what_a_collector_rejects_is_dropped", || {
            RUNTIME.block_on(traces::what_a_collector_rejects_is_dropped())
        }),
        plain("native_traces::a_wrong_setting_of_traces_is_told", traces::a_wrong_setting_of_traces_is_told),
        plain("native_metrics::what_happens_is_counted", || {
            RUNTIME.block_on(native_metrics::what_happens_is_counted())
        }),
        plain("native_metrics::nobody_has_to_read_the_log", || {
            RUNTIME.block_on(native_metrics::nobody_has_to_read_the_log())
        }),
        plain("native_metrics::strangers_are_told_nothing", || {
            RUNTIME.block_on(native_metrics::strangers_are_told_nothing())
        }),
        plain("native_metrics::the_dashboard_shows_what_there_is", || {
            RUNTIME.block_on(native_metrics::the_dashboard_shows_what_there_is())
        }),
        plain("native_program::what_is_no_backup_is_refused", backups::what_is_no_backup_is_refused),
        plain("native_program::a_check_finds_what_was_spoiled", backups::a_check_finds_what_was_spoiled),
        plain("native_program::everything_moves", || RUNTIME.block_on(moving::everything_moves())),
        plain("native_program::what_does_not_move_is_refused", moving::what_does_not_move_is_refused),
        counted("install::it_moves_to_d1_and_back".to_owned(), moving::it_moves_to_d1_and_back),
        plain("native_program::backups_are_made_every_night", || {
            RUNTIME.block_on(backups::backups_are_made_every_night())
        }),
        plain("native_program::doctor_changes_nothing", doctor::it_changes_nothing),
        plain("native_program::doctor_tells_what_is_configured_wrongly", doctor::it_tells_what_is_configured_wrongly),
        plain("native_program::doctor_looks_beside_a_running_server", doctor::it_looks_beside_a_running_server),
        plain("native_program::doctor_asks_others", doctor::it_asks_others),
        plain("native_program::secrets_come_from_files", doctor::secrets_come_from_files),
        plain("install::the_unit_starts_the_program", install::the_unit_starts_the_program),
        counted("install::the_unit_is_hardened".to_owned(), install::the_unit_is_hardened),
        plain("install::the_container_starts_the_program", install::the_container_starts_the_program),
        plain("install::the_deploy_button_knows_the_worker", install::the_deploy_button_knows_the_worker),
        counted("install::cloudflare_is_told_its_ids".to_owned(), || {
            RUNTIME.block_on(install::cloudflare_is_told_its_ids())
        }),
        counted("install::the_container_is_sound".to_owned(), install::the_container_is_sound),
        plain("native_program::a_newer_schema_is_refused", || {
            RUNTIME.block_on(native_program::a_newer_schema_is_refused())
        }),
        plain("native_program::a_lost_database_is_told", || {
            RUNTIME.block_on(native_program::a_lost_database_is_told())
        }),
        plain("native_program::what_was_answered_survives_sigkill", || {
            RUNTIME.block_on(durability::what_was_answered_survives_sigkill())
        }),
        plain("native_program::a_webhook_is_called_again_after_sigkill", || {
            RUNTIME.block_on(webhooks::it_is_called_again_after_sigkill())
        }),
        plain("native_program::accounts_move_with_their_passwords", || {
            RUNTIME.block_on(users_import::accounts_move_with_their_passwords())
        }),
        plain(
            "native_program::every_way_in_leads_to_the_same_accounts",
            users_import::every_way_in_leads_to_the_same_accounts,
        ),
        plain(
            "native_program::an_import_that_stops_tells_what_it_refused",
            users_import::an_import_that_stops_tells_what_it_refused,
        ),
        plain("native_program::the_command_line_names_administrators", || {
            RUNTIME.block_on(users_import::the_command_line_names_administrators())
        }),
    ];
    trials.extend([
        plain("native_keys::the_command_line_makes_and_revokes_keys", || {
            RUNTIME.block_on(native_keys::the_command_line_makes_and_revokes_keys())
        }),
        plain("native_keys::the_command_line_refuses_wrong_keys", || {
            RUNTIME.block_on(native_keys::the_command_line_refuses_wrong_keys())
        }),
        plain("native_keys::sigkill_loses_at_most_the_last_minutes_use", || {
            RUNTIME.block_on(native_keys::sigkill_loses_at_most_the_last_minutes_use())
        }),
    ]);
    trials.extend([
        counted("smtp::mail_arrives".to_owned(), || RUNTIME.block_on(smtp::mail_arrives())),
        counted("smtp::replies_decide_what_becomes_of_a_mail".to_owned(), || {
            RUNTIME.block_on(smtp::replies_decide_what_becomes_of_a_mail())
        }),
        counted("smtp::a_mailbox_that_is_gone_gets_no_more_mail".to_owned(), || {
            RUNTIME.block_on(smtp::a_mailbox_that_is_gone_gets_no_more_mail())
        }),
        counted("smtp::doctor_logs_in_and_sends_nothing".to_owned(), || {
            RUNTIME.block_on(smtp::doctor_logs_in_and_sends_nothing())
        }),
        counted("smtp::a_server_that_is_not_ours_gets_nothing".to_owned(), || {
            RUNTIME.block_on(smtp::a_server_that_is_not_ours_gets_nothing())
        }),
    ]);
    macro_rules! dependencies {
        ($($case:ident),+ $(,)?) => {
            [$(counted(concat!("dependencies::", stringify!($case)).to_owned(), || {
                RUNTIME.block_on(dependencies::$case())
            })),+]
        };
    }
    trials.extend(dependencies![
        spin_outlives_its_stores,
        workerd_outlives_its_bindings,
        native_outlives_a_locked_database,
        workerd_outlives_floods,
        workerd_keeps_room_for_small_bodies,
    ]);
    macro_rules! spin_component {
        ($($case:ident),+ $(,)?) => {
            [$(counted(concat!("spin_component::", stringify!($case)).to_owned(), || {
                RUNTIME.block_on(spin_component::$case())
            })),+]
        };
    }
    trials.extend(spin_component![
        a_group_that_is_not_committed_is_written_one_by_one,
        what_becomes_of_a_group_is_not_guessed,
    ]);
    trials.extend(ended.into_iter().map(|kind| {
        counted(format!("durability::a_run_outlives_its_host_on_{kind}"), move || {
            RUNTIME.block_on(durability::a_run_outlives_its_host(kind))
        })
    }));
    for kind in browsed {
        trials.push(counted(format!("browser::cookie_mode_on_{kind}"), move || {
            RUNTIME.block_on(browser::cookie_mode(kind))
        }));
        trials.push(counted(format!("browser::account_pages_on_{kind}"), move || {
            RUNTIME.block_on(browser::account_pages(kind))
        }));
        trials.push(counted(format!("browser::admin_pages_on_{kind}"), move || {
            RUNTIME.block_on(browser::admin_pages(kind))
        }));
        trials.push(counted(format!("browser::pages_on_{kind}"), move || RUNTIME.block_on(browser::pages(kind))));
        trials.push(counted(format!("typescript::the_client_on_{kind}"), move || {
            RUNTIME.block_on(typescript::the_client(kind))
        }));
        trials.push(counted(format!("typescript::in_a_browser_on_{kind}"), move || {
            RUNTIME.block_on(typescript::in_a_browser(kind))
        }));
        trials.push(counted(format!("typescript::the_example_on_{kind}"), move || {
            RUNTIME.block_on(typescript::the_example(kind))
        }));
        trials.push(counted(format!("documents::a_generated_client_on_{kind}"), move || {
            RUNTIME.block_on(documents::a_generated_client(kind))
        }));
    }
    trials.extend([
        plain("native_program::a_copy_is_the_same_and_goes_on", || {
            RUNTIME.block_on(dataset::files::a_copy_is_the_same_and_goes_on())
        }),
        plain("native_program::a_dataset_that_does_not_fit_is_refused", || {
            RUNTIME.block_on(dataset::files::a_dataset_that_does_not_fit_is_refused())
        }),
        plain("native_program::a_killed_import_leaves_nothing", || {
            RUNTIME.block_on(dataset::files::a_killed_import_leaves_nothing())
        }),
    ]);
    #[cfg(unix)]
    trials.push(plain("native_keys::use_and_limits_survive_sigterm", || {
        RUNTIME.block_on(native_keys::use_and_limits_survive_sigterm())
    }));
    #[cfg(unix)]
    trials.push(plain("native_program::sigterm_sends_no_mail_twice_and_loses_none", || {
        RUNTIME.block_on(connections::sigterm_sends_no_mail_twice_and_loses_none())
    }));
    #[cfg(unix)]
    trials
        .push(plain("native_program::a_full_disk_is_told", || RUNTIME.block_on(native_program::a_full_disk_is_told())));
    #[cfg(unix)]
    trials.push(plain("native_program::sigterm_drains_requests", || {
        RUNTIME.block_on(native_program::sigterm_drains_requests())
    }));
    #[cfg(unix)]
    trials.push(counted("spin_program::an_old_one_is_left_alone".to_owned(), false_programs::an_old_one_is_left_alone));
    #[cfg(unix)]
    trials.push(counted(
        "spin_program::children_that_outlive_it_end_with_it".to_owned(),
        false_programs::children_that_outlive_it_end_with_it,
    ));
    trials
}

/// Whether the command line asks for this test, as libtest reads it.
fn chosen(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter.as_str()) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}

fn on_host(name: String, kind: Kind, case: Arc<Case>) -> Trial {
    let turn = case.setup.moves_time().then_some((kind, case.setup));
    placed(name, turn, move || {
        RUNTIME.block_on(async {
            let host = Host::of(kind, case.setup).await?;
            if case.setup.moves_time() {
                // The case before may have left it stopped.
                host.let_time_pass().await;
            }
            (case.body)(host).await;
            Ok(())
        })
    })
}

/// Held by the case that moves the time of a host.
fn time_of(host: (Kind, Setup)) -> Arc<tokio::sync::Mutex<()>> {
    static TIMES: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>> = Mutex::new(BTreeMap::new());
    Arc::clone(TIMES.lock().expect("no panic").entry(format!("{host:?}")).or_default())
}

/// A trial that counts for the first part of its name, and tells where it failed and whether it was slow.
fn counted(name: String, body: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    placed(name, None, body)
}

/// A trial that waits until it alone moves the time of a host, where it does so, and for a place.
fn placed(
    name: String,
    moves: Option<(Kind, Setup)>,
    body: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Trial {
    let group = name.split("::").next().unwrap_or_default().to_owned();
    Trial::ignorable_test(name.clone(), move || {
        let _turn = moves.map(|host| RUNTIME.block_on(time_of(host).lock_owned()));
        // One that has its host's time goes ahead: the others of that host wait for it, and it is one a host.
        let _place = moves.is_none().then(|| RUNTIME.block_on(PLACES.acquire()).expect("never closed"));
        let started = Instant::now();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        if started.elapsed() > SLOW {
            eprintln!("{name} took {:.0} s", started.elapsed().as_secs_f64());
        }
        let outcome = match ended {
            Ok(result) => result.map(|()| Completion::Completed).map_err(Failed::from),
            Err(panic) => match panic.downcast::<NotLookedAt>() {
                Ok(ignored) => Ok(Completion::ignored_with(ignored.0)),
                Err(_) => Err(PANIC.take().into()),
            },
        };
        let mut counts = COUNTS.lock().expect("no panic");
        let counts = counts.entry(group).or_default();
        *match &outcome {
            Ok(Completion::Completed) => &mut counts.passed,
            Ok(Completion::Ignored { .. }) => &mut counts.ignored,
            Err(_) => &mut counts.failed,
        } += 1;
        outcome
    })
}

thread_local! {
    /// What the panic of this thread's case said, and where.
    static PANIC: RefCell<String> = RefCell::default();
}
