// SPDX-License-Identifier: Apache-2.0
#include "run/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

namespace bulkhead::tools {

namespace {

struct Pipe {
    FileDescriptor read_end, write_end;

    bool open() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) {
            return false;
        }
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
        return true;
    }
};

[[noreturn]] void become(const std::vector<std::string>& command, pid_t parent, const Pipe& in, const Pipe& out,
                         const Pipe& err) {
    // The signals of the user's terminal are for the front end, and nothing runs on when that has gone.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    // Blocked until here: this process's handlers must not run in the child.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
        signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(in.read_end.get(), STDIN_FILENO);
    dup2(out.write_end.get(), STDOUT_FILENO);
    dup2(err.write_end.get(), STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
        arguments.push_back(const_cast<char*>(argument.c_str())); // execvp does not write to them
    }
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    const char* why = std::strerror(errno);
    std::string message = "cannot run " + command[0] + ": " + why + "\n";
    [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, message.data(), message.size());
    _exit(127);
}

int to_status(int raw) {
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

} // namespace

Outcome<Process> Process::start(const std::vector<std::string>& command) {
    Pipe in, out, err;
    if (!in.open() || !out.open() || !err.open()) {
        return Failure{std::string{"cannot make a pipe: "} + std::strerror(errno)};
    }
    const pid_t parent = getpid();
    Process process;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    process.pid_ = fork();
    if (process.pid_ < 0) {
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return Failure{std::string{"cannot start a process: "} + std::strerror(errno)};
    }
    if (process.pid_ == 0) {
        become(command, parent, in, out, err);
    }
    sigprocmask(SIG_SETMASK, &before, nullptr);
    process.input_ = std::move(in.write_end);
    process.output_ = std::move(out.read_end);
    process.errors_ = std::move(err.read_end);
    for (const FileDescriptor* fd : {&process.input_, &process.output_, &process.errors_}) {
        fcntl(fd->get(), F_SETFL, fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
    }
    return process;
}

Process::Process(Process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, status_{other.status_}, input_{std::move(other.input_)},
      output_{std::move(other.output_)}, errors_{std::move(other.errors_)} {}

Process::~Process() {
    if (pid_ > 0) {
        terminate();
    }
}

std::optional<int> Process::poll() {
    int raw = 0;
    if (!status_ && waitpid(pid_, &raw, WNOHANG) == pid_) {
        status_ = to_status(raw);
    }
    return status_;
}

int Process::wait() {
    int raw = 0;
    while (!status_) {
        const pid_t ended = waitpid(pid_, &raw, 0);
        if (ended == pid_) {
            status_ = to_status(raw);
        } else if (errno != EINTR) {
            status_ = 127;
        }
    }
    return *status_;
}

void Process::terminate() {
    using namespace std::chrono_literals;
    if (poll()) {
        return;
    }
    kill(pid_, SIGTERM);
    const auto patience = std::chrono::steady_clock::now() + 2s;
    while (!poll() && std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(5ms);
    }
    if (!poll()) {
        kill(pid_, SIGKILL);
        wait();
    }
}

} // namespace bulkhead::tools
