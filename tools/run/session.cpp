// SPDX-License-Identifier: Apache-2.0
#include "run/session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "run/keys.hpp"
#include "run/process.hpp"
#include "run/qemu.hpp"
#include "run/screen.hpp"
#include "run/stream_logs.hpp"
#include "run/terminal.hpp"

namespace bulkhead::tools {

namespace {

/// How the kernel's last words begin (kernel/arch/x86_64/panic.cpp).
constexpr std::string_view panic_text = "bulkhead: PANIC";

bool use_colour() {
    return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

std::size_t terminal_columns() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(fd, text.data(), text.size());
        if (written < 0 && errno == EAGAIN) {
            pollfd ready{fd, POLLOUT, 0};
            poll(&ready, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return; // nobody is looking any more
        } else if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
}

/// Signals that end this program arrive as events, so that it can tidy up.
class EndSignals {
public:
    EndSignals() {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            sigaddset(&set, number);
        }
        sigprocmask(SIG_BLOCK, &set, nullptr);
        file_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
        signal(SIGPIPE, SIG_IGN);
    }
    int fd() const { return file_.get(); }

private:
    FileDescriptor file_;
};

class Session {
public:
    Session(SessionOptions options, Process process, StreamLogs logs)
        : options_{std::move(options)}, process_{std::move(process)}, logs_{std::move(logs)},
          screen_{options_.stream_names, {use_colour(), isatty(STDOUT_FILENO) != 0}},
          terminal_{options_.raw_console.has_value()}, reads_input_{terminal_.active() || (options_.raw_console &&
                                                                                           isatty(STDIN_FILENO) == 0)} {
        if (options_.stream_names.size() > 1) {
            selected_ = options_.raw_console.value_or(1);
        }
    }

    SessionResult run(const EndSignals& signals) {
        if (options_.timeout) {
            deadline_ = Clock::now() + *options_.timeout;
        }
        show(screen_.select(selected_));
        if (terminal_.active() && !options_.raw_console) {
            show(screen_.note(KeyDecoder::help()));
            note_selected();
        }
        while (!done_) {
            step(signals);
        }
        show(screen_.finish());
        process_.terminate();
        return std::move(result_);
    }

private:
    using Clock = std::chrono::steady_clock;

    void show(const std::string& text) {
        if (!options_.quiet && !options_.raw_console) {
            write_all(STDOUT_FILENO, text);
        }
    }

    void end(RunStatus status, std::string explanation = {}) {
        if (!done_) {
            done_ = true;
            result_.status = status;
            result_.explanation = std::move(explanation);
        }
    }

    int poll_timeout() const {
        if (!deadline_) {
            return -1;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now()).count() + 1;
        return left < 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left, 1 << 30));
    }

    void step(const EndSignals& signals) {
        std::array<pollfd, 5> fds{{{process_.output().get(), POLLIN, 0},
                                   {process_.errors().get(), POLLIN, 0},
                                   {signals.fd(), POLLIN, 0},
                                   {reads_input_ ? STDIN_FILENO : -1, POLLIN, 0},
                                   {to_machine_.empty() ? -1 : process_.input().get(), POLLOUT, 0}}};
        poll(fds.data(), fds.size(), poll_timeout());
        if (fds[2].revents != 0) {
            end(RunStatus::interrupted);
        }
        if (fds[1].revents != 0) {
            read_errors();
        }
        if (fds[0].revents != 0) {
            read_machine();
        }
        if (fds[3].revents != 0) {
            read_user();
        }
        if (fds[4].revents != 0) {
            write_machine();
        }
        if (deadline_ && Clock::now() >= *deadline_) {
            panicked_ ? end_of_panic() : end(RunStatus::timeout, timeout_text());
        }
    }

    void end_of_panic() { end(RunStatus::panic, "the hypervisor has given up: see its last words above"); }

    std::string timeout_text() const {
        std::string text =
            fmt::format("time is up after {} s", std::chrono::duration<double>(*options_.timeout).count());
        for (const std::string& missing : options_.watch.missing()) {
            text += fmt::format("; \"{}\" has not appeared", missing);
        }
        return text;
    }

    void read_errors() {
        std::array<char, 4096> buffer;
        const ssize_t got = read(process_.errors().get(), buffer.data(), buffer.size());
        if (got > 0) {
            errors_.append(buffer.data(), static_cast<std::size_t>(got));
        } else if (got == 0) {
            process_.errors().reset();
        }
    }

    void read_machine() {
        std::array<char, 65536> buffer;
        const ssize_t got = read(process_.output().get(), buffer.data(), buffer.size());
        if (got > 0) {
            screen_.set_columns(terminal_columns());
            demuxer_.feed({buffer.data(), static_cast<std::size_t>(got)},
                          [this](StreamId stream, std::string_view bytes) { take(stream, bytes); });
        } else if (got == 0 || errno != EAGAIN) {
            machine_ended();
        }
    }

    void take(StreamId stream, std::string_view bytes) {
        logs_.write(stream, bytes);
        if (stream == system_stream) {
            result_.system_log += bytes;
        }
        if (options_.raw_console == stream) {
            write_all(STDOUT_FILENO, bytes);
        }
        show(screen_.show(stream, bytes));
        if (stream == system_stream && panic_.feed(stream, bytes) != std::string::npos) {
            // Its last lines are still on their way: it ends itself, or the time is up soon.
            panicked_ = true;
            const auto soon = Clock::now() + std::chrono::seconds{2};
            deadline_ = deadline_ ? std::min(*deadline_, soon) : soon;
        }
        for (const Watch::Input& input : options_.watch.feed(stream, bytes)) {
            send(input.stream, input.text);
        }
        if (options_.watch.fulfilled() && !panicked_) {
            end(RunStatus::success);
        }
    }

    void machine_ended() {
        const int status = process_.wait();
        while (process_.errors().open() && errors_.size() < (1u << 20)) {
            const std::size_t before = errors_.size();
            read_errors();
            if (errors_.size() == before) {
                break;
            }
        }
        if (panicked_ || status == qemu_status_gave_up) {
            end_of_panic();
        } else if (status == qemu_status_ended_well || status == qemu_status_failures) {
            domains_ended(status);
        } else if (status == 0) {
            end(RunStatus::panic, "the machine was reset without a word: the hypervisor has crashed");
        } else {
            end(RunStatus::failure, fmt::format("QEMU ended with status {}:\n{}", status, errors_));
        }
    }

    void domains_ended(int status) {
        if (options_.watch.has_until()) {
            std::string text = "all domains have ended";
            for (const std::string& missing : options_.watch.missing()) {
                text += fmt::format("; \"{}\" has not appeared", missing);
            }
            end(RunStatus::failure, text);
        } else if (status == qemu_status_failures) {
            end(RunStatus::failure, "all domains have ended, not all of them well");
        } else {
            end(RunStatus::success, "all domains have ended");
        }
    }

    void send(StreamId stream, std::string_view text) {
        to_machine_ += input_mux_.encode(stream, text);
        write_machine();
    }

    void write_machine() {
        const ssize_t written = write(process_.input().get(), to_machine_.data(), to_machine_.size());
        if (written > 0) {
            to_machine_.erase(0, static_cast<std::size_t>(written));
        } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
            to_machine_.clear(); // the machine has ended, which its output will tell
        }
    }

    void read_user() {
        std::array<char, 4096> buffer;
        const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got <= 0) {
            reads_input_ = false;
            return;
        }
        const std::string_view typed{buffer.data(), static_cast<std::size_t>(got)};
        if (!terminal_.active()) {
            send(selected_, typed);
            return;
        }
        for (const KeyEvent& event : keys_.feed(typed)) {
            obey(event);
        }
    }

    void obey(const KeyEvent& event) {
        const auto domains = static_cast<StreamId>(options_.stream_names.size() - 1);
        switch (event.command) {
        case KeyCommand::data:
            send(selected_, event.data);
            return;
        case KeyCommand::quit:
            end(RunStatus::success);
            return;
        case KeyCommand::help:
            if (!options_.raw_console) {
                show(screen_.note(KeyDecoder::help()));
            } else {
                write_all(STDERR_FILENO, fmt::format("\r\n{}\r\n", "Ctrl-A a: send Ctrl-A   Ctrl-A x: quit"));
            }
            return;
        case KeyCommand::select:
            select(event.number <= domains ? event.number : selected_);
            return;
        case KeyCommand::next:
            select(selected_ % domains + 1);
            return;
        case KeyCommand::previous:
            select((selected_ + domains - 2) % domains + 1);
            return;
        }
    }

    void select(StreamId stream) {
        if (options_.raw_console) {
            return;
        }
        selected_ = stream;
        show(screen_.select(selected_));
        note_selected();
    }

    void note_selected() { show(screen_.note(fmt::format("typing to {}", options_.stream_names[selected_]))); }

    SessionOptions options_;
    Process process_;
    StreamLogs logs_;
    Screen screen_;
    RawTerminal terminal_;
    bool reads_input_;
    StreamId selected_{system_stream};
    Demuxer demuxer_;
    InputMux input_mux_;
    KeyDecoder keys_;
    Matcher panic_{system_stream, std::string{panic_text}};
    std::optional<Clock::time_point> deadline_;
    std::string to_machine_;
    std::string errors_; ///< what QEMU itself said
    bool panicked_{false};
    bool done_{false};
    SessionResult result_;
};

} // namespace

Outcome<SessionResult> run_session(SessionOptions options) {
    StreamLogs logs;
    if (!options.log_directory.empty()) {
        const auto opened = logs.open(options.log_directory, options.stream_names);
        if (!opened) {
            return Failure{opened.message()};
        }
    }
    const EndSignals signals;
    auto process = Process::start(options.command);
    if (!process) {
        return Failure{process.message()};
    }
    return Session{std::move(options), std::move(*process), std::move(logs)}.run(signals);
}

} // namespace bulkhead::tools
