// SPDX-License-Identifier: Apache-2.0
// vCPUs and their threads, one after the other; see the header.
#include "vcpu_setup.hpp"

#include "vault.hpp"
#include "vcpu_threads.hpp"

namespace bulkhead::domain {
namespace {

class Setup {
public:
    Setup(DomainRecord& domain, const SpawnPlan& plan, const Spawned& monitor)
        : domain_{domain}, plan_{plan}, monitor_{monitor}, slots_{domain.id} {}

    Status run() {
        for (std::uint32_t n = 0; n < domain_.config->vcpus; ++n) {
            if ((domain_.config->vcpus > 1 && !make_thread(n)) || !make_vcpu(n)) {
                return status_;
            }
        }
        return Status::ok;
    }

private:
    bool good(Status status) {
        status_ = status;
        return status == Status::ok;
    }
    bool seal(Selector from) { return good(put_into_vault(domain_, from)); }

    /// The means to reach the thread of vCPU n, and the thread if it is not the first.
    bool make_thread(std::uint32_t n) {
        const VcpuThread made{n, vcpu_thread(domain_, n), n == 0 ? monitor_.events : slots_.vcpu_events(),
                              slots_.vcpu_bell(), slots_.vcpu_stack()};
        if (n != 0 && (!good(sys::mint_badge(slot::cap_space, slots_.vcpu_fault_events(), slot::events, Rights::write,
                                             fault_bit(domain_.id, n))) ||
                       !good(make_vcpu_thread(plan_, monitor_, made, cpu_of_vcpu(*domain_.config, n),
                                              slots_.vcpu_fault_events())))) {
            return false;
        }
        return good(connect_vcpu_thread(plan_, monitor_, made)) && seal(made.bell) &&
               (n == 0 || (seal(made.events) && seal(made.stack)));
    }

    bool make_vcpu(std::uint32_t n) {
        const Selector vcpu = slots_.vcpu();
        const std::uint64_t state = layout::vcpu_state_address.value + n * page_size;
        return good(sys::retype(plan_.untyped, ObjectType::vcpu, 0, vcpu)) &&
               good(sys::map(vcpu, monitor_.address_space, state, Rights::read | Rights::write)) &&
               good(sys::vcpu_bind(vcpu, slots_.stage2(), vcpu_thread(domain_, n))) &&
               good(sys::mint(monitor_.cap_space, Selector{slot::vcpu.value + n}, vcpu, Rights::control)) && seal(vcpu);
    }

    DomainRecord& domain_;
    const SpawnPlan& plan_;
    const Spawned& monitor_;
    const DomainSlots slots_;
    Status status_{Status::ok};
};

} // namespace

CpuId cpu_of_vcpu(const bulkhead_Domain& config, std::uint32_t vcpu) {
    return CpuId{config.cpus_count == 0 ? 0 : config.cpus[vcpu % config.cpus_count]};
}

Status make_vcpus(DomainRecord& domain, const SpawnPlan& plan, const Spawned& monitor) {
    return Setup{domain, plan, monitor}.run();
}

} // namespace bulkhead::domain
