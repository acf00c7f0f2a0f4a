// SPDX-License-Identifier: Apache-2.0
// protoc-gen-bulkhead: protoc's plugin that writes guest layouts, from abi/schema/*.proto with the options of
// guest_layout.proto; or, with the parameter "codec", the straight-line codecs of messages, from there and from
// abi/proto. It must not know: what either is used for.
#include <memory>
#include <string>

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include "emit.hpp"
#include "emit_message.hpp"

namespace bulkhead::generator {
namespace {

void write_file(google::protobuf::compiler::GeneratorContext& context, const std::string& name,
                const std::string& text) {
    const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream{context.Open(name)};
    google::protobuf::io::CodedOutputStream{stream.get()}.WriteString(text);
}

class LayoutGenerator final : public google::protobuf::compiler::CodeGenerator {
public:
    bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                  google::protobuf::compiler::GeneratorContext* context, std::string* error) const override {
        try {
            const std::string base = file->name().substr(0, file->name().rfind(".proto"));
            if (parameter == "codec") {
                write_file(*context, base + ".codec.hpp", emit_message_codecs(*file));
                return true;
            }
            const Structures structures = read_structures(*file);
            const std::string& schema = base;
            const std::vector<Constant> constants = read_constants(*file);
            write_file(*context, schema + ".layout.hpp", emit_header(schema, structures, constants));
            for (const Architecture& architecture : architectures) {
                write_file(*context, schema + "." + std::string{architecture.name} + ".check.c",
                           emit_check(schema, architecture, structures, constants));
            }
            return true;
        } catch (const SchemaError& wrong) {
            *error = wrong.what();
            return false;
        }
    }
    std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

} // namespace
} // namespace bulkhead::generator

int main(int argc, char** argv) {
    const bulkhead::generator::LayoutGenerator generator;
    return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
