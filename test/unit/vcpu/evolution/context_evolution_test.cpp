// SPDX-License-Identifier: Apache-2.0
// docs/abi.md's example: a vCPU context gains two callback addresses. The old program is the monitor's code with
// today's schema, the new one has that schema with two lines more, read when the test runs. REQ-ABI-007
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "context.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
namespace pb = google::protobuf;

namespace {

constexpr const char* two_lines =
    "  optional uint64 sysenter_callback = 74;\n  optional uint64 syscall_callback = 75;\n";

/// A program that is newer than this source: it was built from the schema with two lines more.
class NewProgram {
public:
    NewProgram() {
        std::stringstream text;
        text << std::ifstream{CONTEXT_PROTO}.rdbuf();
        std::string schema = text.str();
        const auto import = schema.find("import \"nanopb.proto\";"); // no option of it says what the bytes are
        REQUIRE(import != std::string::npos);
        schema.erase(import, schema.find('\n', import) - import);
        schema.insert(schema.rfind('}'), two_lines);
        pb::io::ArrayInputStream stream{schema.data(), static_cast<int>(schema.size())};
        pb::io::Tokenizer tokenizer{&stream, nullptr};
        pb::FileDescriptorProto parsed;
        parsed.set_name("vcpu_context.proto");
        REQUIRE(pb::compiler::Parser{}.Parse(&tokenizer, &parsed));
        const pb::FileDescriptor* const file = pool_.BuildFile(parsed);
        REQUIRE(file != nullptr);
        type_ = file->FindMessageTypeByName("VcpuContext");
        REQUIRE(type_ != nullptr);
    }

    std::unique_ptr<pb::Message> read(const std::string& bytes) {
        std::unique_ptr<pb::Message> message{factory_.GetPrototype(type_)->New()};
        REQUIRE(message->ParseFromString(bytes));
        REQUIRE(message->GetReflection()->GetUnknownFields(*message).empty());
        return message;
    }
    bool has(const pb::Message& message, const char* field) const {
        return message.GetReflection()->HasField(message, type_->FindFieldByName(field));
    }
    std::uint64_t get(const pb::Message& message, const char* field) const {
        return message.GetReflection()->GetUInt64(message, type_->FindFieldByName(field));
    }
    void set(pb::Message& message, const char* field, std::uint64_t value) const {
        message.GetReflection()->SetUInt64(&message, type_->FindFieldByName(field), value);
    }

private:
    pb::DescriptorPool pool_;
    pb::DynamicMessageFactory factory_;
    const pb::Descriptor* type_{nullptr};
};

std::span<const std::uint8_t> bytes_of(const std::string& text) {
    const void* start = text.data();
    return {static_cast<const std::uint8_t*>(start), text.size()};
}

std::string saved_by_old(const SavedContext& context) {
    std::uint8_t bytes[4096];
    const auto length = save_context(context, bytes);
    REQUIRE(static_cast<bool>(length));
    return {bytes, bytes + *length};
}

SavedContext a_context() {
    SavedContext context;
    VcpuState state{};
    REQUIRE(to_state(context.known, state));
    state.rip = 0xffff'8000'1234'5678;
    context.known = to_context(state);
    return context;
}

constexpr std::uint64_t sysenter_value = 0xffff'ffff'8100'2000; // a 64-bit value, in a context that any width may carry
constexpr std::uint64_t syscall_value = 0xc010'3000;

} // namespace

TEST_CASE("old saver, new loader: the fields are absent, and have their default") {
    NewProgram program;
    const auto message = program.read(saved_by_old(a_context()));
    CHECK_FALSE(program.has(*message, "sysenter_callback"));
    CHECK(program.get(*message, "sysenter_callback") == 0);
    CHECK(program.get(*message, "syscall_callback") == 0);
    CHECK(program.get(*message, "rip") == 0xffff'8000'1234'5678);
}

TEST_CASE("new saver, old loader: what it does not know it keeps, and gives on") {
    NewProgram program;
    auto message = program.read(saved_by_old(a_context()));
    program.set(*message, "sysenter_callback", sysenter_value);
    program.set(*message, "syscall_callback", syscall_value);
    const std::string saved = message->SerializeAsString();

    SavedContext in_old;
    REQUIRE(load_context(bytes_of(saved), in_old) == Status::ok);
    VcpuState state{};
    REQUIRE(to_state(in_old.known, state));
    CHECK(state.rip == 0xffff'8000'1234'5678);

    state.rip += 2; // the guest has gone on under the old program
    in_old.known = to_context(state);
    const auto back = program.read(saved_by_old(in_old));
    CHECK(program.get(*back, "rip") == 0xffff'8000'1234'567a);
    CHECK(program.get(*back, "sysenter_callback") == sysenter_value);
    CHECK(program.get(*back, "syscall_callback") == syscall_value);
}

TEST_CASE("a new saver's context that was cut short is refused, wherever it was cut") {
    NewProgram program;
    auto message = program.read("");
    program.set(*message, "sysenter_callback", sysenter_value);
    program.set(*message, "syscall_callback", syscall_value);
    const std::string saved = message->SerializeAsString();
    std::size_t refused = 0;
    for (std::size_t length = 1; length < saved.size(); ++length) {
        SavedContext context;
        refused += load_context(bytes_of(saved.substr(0, length)), context) == Status::ok ? 0u : 1u;
    }
    CHECK(refused == saved.size() - 2); // between two fields it is a context with one of them
}
