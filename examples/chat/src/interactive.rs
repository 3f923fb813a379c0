//! Interactive mode: one thread reads lines, and another receives messages. They share the account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Parser;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use waxseal::courier::{Event, Trouble};
use waxseal::transport::now;

use crate::chat::{Chat, TURN};
use crate::conversations::short_id;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::text::short;
use crate::{Command, group, perform, send, show, sync};

/// How long the account is free between two turns, so that a typed line gets it.
const BREATH: Duration = Duration::from_millis(5);

const HELP: &str = "  @PEER TEXT   send TEXT to PEER\n  \
                    @PEER        send the lines that follow to PEER\n  \
                    #GROUP TEXT  send TEXT to a group, by its title without spaces or its id\n  \
                    TEXT         send TEXT to the last PEER or GROUP\n  \
                    /COMMAND     as on the command line: /messages, /report ID --reason R, /help\n  \
                    /quit        end";

/// The command after a slash.
#[derive(Parser)]
#[command(name = "/", no_binary_name = true)]
struct SlashCommand {
    #[command(subcommand)]
    command: Command,
}

/// The state that both threads use. A thread holds the account for one step at a time, and never
/// while it waits for a line of input.
struct Shared {
    chat: Mutex<Chat>,
    /// Held while messages are printed and recorded as shown, so that the program does not end
    /// between the two steps.
    showing: Mutex<()>,
}

impl Shared {
    fn chat(&self) -> MutexGuard<'_, Chat> {
        self.chat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads and carries out lines until the input ends or a line says `/quit`.
pub fn run(chat: Chat) -> Outcome<()> {
    let me = chat.client().me().account.as_str().to_owned();
    // The history stays in memory only, because typed lines are as secret as sent messages.
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = Editor::<(), MemHistory>::with_history(config, MemHistory::new())?;
    let printer = Printer(editor.create_external_printer().ok());
    if printer.0.is_some() {
        println!("{HELP}");
    }
    let (chat, showing) = (Mutex::new(chat), Mutex::default());
    let shared = Arc::new(Shared { chat, showing });
    thread::spawn({
        let shared = shared.clone();
        move || keep_listening(&shared, printer)
    });

    let mut to = None;
    let mut failed = None;
    loop {
        let prompt = to
            .as_ref()
            .map_or(format!("{me}> "), |to| format!("{me} to {to}> "));
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => break,
            Err(error) => return Err(error.into()),
        };
        if line.trim() == "/quit" {
            break;
        }
        let mut chat = shared.chat();
        if let Err(failure) = run_line(&mut chat, &mut to, line.trim()) {
            eprintln!("{}", failure.message);
            // This failure is not kept if the message waits in the outbox, which is sent once more
            // at the end.
            failed = failed.or((failure.code != TRY_LATER).then_some(failure));
        }
        chat.print_notices();
    }

    let _showing = shared.showing.lock();
    let mut chat = shared.chat();
    // Posts what is left. What arrives now is shown by the next command.
    chat.courier.listen(false);
    let ended = match chat.expect_nothing_waits() {
        Err(_) => chat.run(|_, _| Ok(true)),
        Ok(()) => Ok(()),
    };
    chat.print_notices();
    for line in chat.take_sent() {
        show::print(&line)?;
    }
    if let Err(waits) = chat.expect_nothing_waits() {
        return Err(match ended {
            Err(why) => Failure::with_code(why.code, format!("{}: {}", waits.message, why.message)),
            Ok(()) => waits,
        });
    }
    failed.or(chat.failed.take()).map_or(Ok(()), Err)
}

/// Carries out one line: a command, or a message to send.
fn run_line(chat: &mut Chat, to: &mut Option<String>, line: &str) -> Outcome<()> {
    if let Some(command) = line.strip_prefix('/') {
        let words = shlex::split(command);
        let words = words.ok_or_else(|| Failure::new("a quotation mark is not closed"))?;
        return match SlashCommand::try_parse_from(words) {
            Ok(SlashCommand {
                command: Command::Receive { .. },
            }) => Err(Failure::new("messages appear by themselves")),
            Ok(SlashCommand {
                command: Command::Send { peer, text },
            }) => write(chat, &peer, &text),
            Ok(SlashCommand {
                command:
                    Command::Group {
                        action: group::Action::Send { group, text },
                    },
            }) => write(chat, &format!("#{group}"), &text),
            Ok(SlashCommand {
                command: Command::Sync { give: None },
            }) => {
                if let Some(progress) = sync::ask(chat)? {
                    chat.notice(sync::end(&progress));
                }
                Ok(()) // what comes later appears by itself
            }
            Ok(SlashCommand { command }) => perform(chat, command),
            Err(error) => Ok(error.print()?),
        };
    }
    let text = match line.split_at_checked(1) {
        Some((mark @ ("@" | "#"), line)) => {
            let (name, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            *to = Some(match mark {
                "@" => chat.peer(name)?.as_str().to_owned(),
                _ => format!("#{}", short_id(&chat.group(name)?.id)),
            });
            text.trim_start()
        }
        _ => line,
    };
    match to {
        _ if text.is_empty() => Ok(()),
        Some(to) => write(chat, to, text),
        None => Err(Failure::new("no recipient: begin with @PEER or #GROUP")),
    }
}

/// Stores a message. The other thread posts it.
fn write(chat: &mut Chat, to: &str, text: &str) -> Outcome<()> {
    let (_, id) = send::write(chat, to, text)?;
    if chat.courier.paused_until(now()).is_some() {
        let why = chat.why_not().message;
        chat.notice(format!("message {} waits in the outbox: {why}", short(&id)));
    }
    Ok(())
}

/// Runs the courier forever.
fn keep_listening(shared: &Shared, mut printer: Printer<impl ExternalPrinter>) {
    let mut is_away = false;
    loop {
        if let Err(failure) = listen(shared, &mut printer, &mut is_away) {
            printer.notice(&failure.message);
            thread::sleep(Duration::from_secs(1)); // the store or the terminal failed
        }
        thread::sleep(BREATH);
    }
}

fn listen(
    shared: &Shared,
    printer: &mut Printer<impl ExternalPrinter>,
    is_away: &mut bool,
) -> Outcome<()> {
    let mut chat = shared.chat();
    let events = chat.turn(TURN)?;
    let mut troubles = events.iter().filter_map(|event| match event {
        Event::Trouble(Trouble::ClockDiffers) => None,
        Event::Trouble(trouble) => Some(trouble.clone()),
        _ => None,
    });
    let trouble = troubles.next_back();
    chat.tell(events);
    if let Some(trouble) = trouble {
        *is_away |= matches!(trouble, Trouble::Unreachable | Trouble::OtherRelay { .. });
        let why = chat.why_not().message;
        chat.notice(why);
    } else if *is_away && chat.courier.is_connected() {
        *is_away = false;
        chat.notice("connected again");
    }
    drop(chat);
    show_unseen(shared, printer)
}

/// Shows new messages as `receive` does. Does not hold the account while printing, because the
/// other thread may be using the terminal.
fn show_unseen(shared: &Shared, printer: &mut Printer<impl ExternalPrinter>) -> Outcome<()> {
    let _showing = shared.showing.lock();
    let notices = shared.chat().take_notices();
    notices.iter().for_each(|notice| printer.notice(notice));
    for line in shared.chat().take_sent() {
        printer.message(&line)?;
    }
    if !std::mem::take(&mut shared.chat().has_unseen) {
        return Ok(());
    }
    let unseen = shared.chat().unseen()?;
    for shown in &unseen {
        let line = shared.chat().shown(shown, false)?;
        printer.message(&line)?;
        shared.chat().seen(shown)?;
    }
    Ok(())
}

/// Prints above the line that the user is typing, if standard input is a terminal.
struct Printer<P>(Option<P>);

impl<P: ExternalPrinter> Printer<P> {
    fn message(&mut self, line: &str) -> Outcome<()> {
        match &mut self.0 {
            Some(terminal) => Ok(terminal.print(format!("{line}\n"))?),
            None => show::print(line),
        }
    }

    fn notice(&mut self, line: &str) {
        let printed = self
            .0
            .as_mut()
            .map(|terminal| terminal.print(format!("{line}\n")));
        if !matches!(printed, Some(Ok(()))) {
            eprintln!("{line}");
        }
    }
}
