// SPDX-License-Identifier: Apache-2.0
// The generator refuses schemas that make no sense, and lays out for other widths than today's.
// REQ-ABI-001
// REQ-MSG-002
#include <catch2/catch.hpp>

#include <google/protobuf/descriptor.pb.h>

#include "architecture.hpp"
#include "emit.hpp"
#include "emit_message.hpp"

using namespace bulkhead;
using namespace bulkhead::generator;
using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;

namespace {

/// A schema of one structure, "T", made field by field.
class Schema {
public:
    Schema() {
        file_.set_name("t.proto");
        file_.set_syntax("proto3");
        file_.add_dependency("guest_layout.proto");
        message_ = file_.add_message_type();
        message_->set_name("T");
        message_->mutable_options()->MutableExtension(guest::is)->set_xen("t");
    }

    guest::FieldLayout& add(const std::string& name, FieldDescriptorProto::Type type, guest::Type layout) {
        FieldDescriptorProto& field = *message_->add_field();
        field.set_name(name);
        field.set_number(message_->field_size());
        field.set_type(type);
        field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
        guest::FieldLayout& at = *field.mutable_options()->MutableExtension(guest::at);
        at.set_type(layout);
        return at;
    }
    FieldDescriptorProto& last() { return *message_->mutable_field(message_->field_size() - 1); }
    void in_union(const std::string& discriminator) {
        if (message_->oneof_decl_size() == 0) {
            auto& oneof = *message_->add_oneof_decl();
            oneof.set_name("u");
            oneof.mutable_options()->MutableExtension(guest::by)->set_discriminator(discriminator);
        }
        last().set_oneof_index(0);
    }
    void call_hot() { message_->mutable_options()->MutableExtension(guest::is)->set_hot(true); }
    Structures read() { return read_structures(built()); }
    std::string codecs() { return emit_message_codecs(built()); }

private:
    const google::protobuf::FileDescriptor& built() {
        const auto* const file = pool_.BuildFile(file_);
        REQUIRE(file != nullptr);
        return *file;
    }

    DescriptorPool pool_{DescriptorPool::generated_pool()};
    FileDescriptorProto file_;
    DescriptorProto* message_;
};

constexpr auto u32 = FieldDescriptorProto::TYPE_UINT32;
constexpr auto u64 = FieldDescriptorProto::TYPE_UINT64;
constexpr Architecture wide{"x86_64", 8, 8};
constexpr Architecture narrow_guest{"x86_32", 4, 4};

} // namespace

TEST_CASE("the same structure is laid out for either width", "[abi][generator]") {
    Schema schema;
    schema.add("domid", u32, guest::U16);
    schema.add("gpfn", u64, guest::ULONG);
    schema.add("time", u64, guest::U64);
    const Structures structures = schema.read();
    const Layout on_64 = lay_out(wide, *structures.front());
    CHECK(on_64.items[1].offset == 8);
    CHECK(on_64.items[1].padding_before == 6);
    CHECK(on_64.size == 24);
    const Layout on_32 = lay_out(narrow_guest, *structures.front());
    CHECK(on_32.items[1].offset == 4);
    CHECK(on_32.items[2].offset == 8);
    CHECK(on_32.alignment == 4);
    CHECK(on_32.size == 16);
}

TEST_CASE("trailing padding is named, so that it is never a guest's to read", "[abi][generator]") {
    Schema schema;
    schema.add("value", u64, guest::U64);
    schema.add("flags", u32, guest::U32);
    const std::string text = emit_header("t", schema.read(), {});
    CHECK(text.find("std::uint8_t padding_at_12[4];") != std::string::npos);
}

TEST_CASE("schemas that make no sense are refused", "[abi][generator]") {
    Schema schema;
    SECTION("no type") {
        schema.add("a", u32, guest::UNSPECIFIED);
    }
    SECTION("too narrow a message") {
        schema.add("a", u32, guest::U64);
    }
    SECTION("wrong sign") {
        schema.add("a", u32, guest::I16);
    }
    SECTION("no layout at all") {
        schema.add("a", u32, guest::U32);
        schema.last().clear_options();
    }
    SECTION("count without repeated") {
        schema.add("a", u32, guest::U32).set_count(2);
    }
    SECTION("repeated without count") {
        schema.add("a", u32, guest::U32);
        schema.last().set_label(FieldDescriptorProto::LABEL_REPEATED);
    }
    SECTION("elements of what is no handle") {
        auto& at = schema.add("a", u32, guest::U32);
        at.set_element(guest::U32);
        at.set_elements("a");
    }
    SECTION("elements that nobody counts") {
        auto& at = schema.add("a", u64, guest::HANDLE);
        at.set_element(guest::U32);
        at.set_elements("n");
    }
    SECTION("a selector outside a union") {
        schema.add("a", u32, guest::U32).set_when(1);
    }
    SECTION("a union without discriminator") {
        schema.add("a", u32, guest::U32).set_when(1);
        schema.in_union("kind");
    }
    SECTION("a union member that nothing selects") {
        schema.add("kind", u32, guest::U32);
        schema.add("a", u32, guest::U32);
        schema.in_union("kind");
    }
    SECTION("two union members for one value") {
        schema.add("kind", u32, guest::U32);
        schema.add("a", u32, guest::U32).set_when(1);
        schema.in_union("kind");
        schema.add("b", u32, guest::U32).set_when(1);
        schema.in_union("kind");
    }
    CHECK_THROWS_AS(schema.read(), SchemaError);
}

TEST_CASE("padding that does not lead to alignment is refused", "[abi][generator]") {
    Schema schema;
    schema.add("a", u32, guest::U16);
    schema.add("b", u32, guest::U32).set_padding(1);
    const Structures structures = schema.read();
    CHECK_THROWS_AS(lay_out(wide, *structures.front()), SchemaError);
}

TEST_CASE("structures that are called hot have a straight-line codec", "[abi][generator]") {
    Schema schema;
    schema.add("a", u32, guest::U32);
    SECTION("others have none") {
        CHECK(schema.codecs().find("StraightCodec") == std::string::npos);
    }
    SECTION("numbers") {
        schema.call_hot();
        CHECK(schema.codecs().find("StraightCodec<::T>") != std::string::npos);
    }
    SECTION("a member with a number above 15") {
        schema.call_hot();
        schema.last().set_number(16);
        CHECK_THROWS_AS(schema.codecs(), SchemaError);
    }
    SECTION("text") {
        schema.call_hot();
        schema.add("text", FieldDescriptorProto::TYPE_BYTES, guest::U8);
        CHECK_THROWS_AS(schema.codecs(), SchemaError);
    }
    SECTION("a member of a union that would be left to nanopb between components") {
        schema.call_hot();
        schema.add("b", FieldDescriptorProto::TYPE_FIXED32, guest::U32).set_when(1);
        schema.in_union("a");
        CHECK_THROWS_AS(schema.codecs(), SchemaError);
    }
}

TEST_CASE("an enum has a straight-line codec if its values are counted from 0", "[abi][generator]") {
    FileDescriptorProto file;
    file.set_name("m.proto");
    file.set_syntax("proto3");
    auto& list = *file.add_enum_type();
    list.set_name("E");
    const auto add = [&](const char* name, int number) {
        auto& value = *list.add_value();
        value.set_name(name);
        value.set_number(number);
    };
    DescriptorProto& message = *file.add_message_type();
    message.set_name("M");
    FieldDescriptorProto& field = *message.add_field();
    field.set_name("e");
    field.set_number(1);
    field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(FieldDescriptorProto::TYPE_ENUM);
    field.set_type_name(".E");
    add("ZERO", 0);
    add("LARGEST", 5);
    add("LAST", 1);
    DescriptorPool pool;
    SECTION("the largest counts, not the last") {
        const std::string text = emit_message_codecs(*pool.BuildFile(file));
        CHECK(text.find("if (number_of(m.e) > 5) {") != std::string::npos);
        CHECK(text.find("in.field(8, 5, value)") != std::string::npos);
    }
    SECTION("a negative value is written as ten bytes: not here") {
        add("NEGATIVE", -1);
        const std::string text = emit_message_codecs(*pool.BuildFile(file));
        CHECK(text.find("StraightCodec<::M>") == std::string::npos);
    }
}
