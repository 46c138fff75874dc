"""GraphQL documents of the Shopify source: which fields are read, and how many at once.

Belongs here: queries for the Admin API (checked against version 2026-07). Does not: requests, rows.
"""

from __future__ import annotations

PAGE = 50
NESTED_LINES = 50
NESTED_LIST = 20  # refunds and transactions are lists without a cursor: a full one is read again, longer
NESTED_REFUND = 10  # entries of one refund: a longer list is read again, page by page
LONGEST_LIST = 250  # what Shopify gives at most
BALANCE_PAGE = 100

MONEY = "presentmentMoney { amount currencyCode }"
# Needs an access of its own: `without_unit_costs` leaves it out.
UNIT_COST = "variant { inventoryItem { unitCost { amount currencyCode } } }"

LINE_ITEM = f"""
    id sku title quantity currentQuantity isGiftCard
    originalUnitPriceSet {{ {MONEY} }}
    discountedTotalSet {{ {MONEY} }}
    {UNIT_COST}
"""
TRANSACTION = f"id kind status gateway processedAt amountSet {{ {MONEY} }}"
REFUND_LINE = f"id quantity restockType lineItem {{ id }} subtotalSet {{ {MONEY} }} totalTaxSet {{ {MONEY} }}"
REFUND_SHIPPING = f"id subtotalAmountSet {{ {MONEY} }} taxAmountSet {{ {MONEY} }}"
REFUND_ADJUSTMENT = f"id reason amountSet {{ {MONEY} }} taxAmountSet {{ {MONEY} }}"
REFUND_TRANSACTION = f"id kind status amountSet {{ {MONEY} }}"
REFUND_LISTS = {
    "refundLineItems": REFUND_LINE,
    "refundShippingLines": REFUND_SHIPPING,
    "orderAdjustments": REFUND_ADJUSTMENT,
    "transactions": REFUND_TRANSACTION,
}
_REFUND_LISTS = "\n".join(
    f"{name}(first: {NESTED_REFUND}) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }}"
    for name, fields in REFUND_LISTS.items()
)
REFUND = f"""
    id createdAt note totalRefundedSet {{ {MONEY} }}
    duties {{ amountSet {{ {MONEY} }} }}
    {_REFUND_LISTS}
"""
# Needs an access of its own: `without_disputes` leaves it out.
DISPUTES = "disputes { id initiatedAs status }"

# What a check asks.
SHOP = """
query {
  shop { name myshopifyDomain currencyCode ianaTimezone }
  currentAppInstallation { accessScopes { handle } }
  publicApiVersions { handle supported }
}
"""
OLDEST_ORDER = """
query {
  orders(first: 1, sortKey: CREATED_AT) { nodes { createdAt } }
}
"""

ORDERS = f"""
query ($first: Int!, $after: String, $filter: String) {{
  orders(first: $first, after: $after, query: $filter, sortKey: UPDATED_AT) {{
    nodes {{
      id legacyResourceId name email phone test presentmentCurrencyCode
      customer {{ id }}
      totalPriceSet {{ {MONEY} }}
      subtotalPriceSet {{ {MONEY} }}
      totalTaxSet {{ {MONEY} }}
      totalShippingPriceSet {{ {MONEY} }}
      totalDiscountsSet {{ {MONEY} }}
      currentTotalPriceSet {{ {MONEY} }}
      totalRefundedSet {{ {MONEY} }}
      currentTotalTaxSet {{ {MONEY} }}
      taxesIncluded edited
      {DISPUTES}
      displayFinancialStatus displayFulfillmentStatus cancelReason sourceName
      customerJourneySummary {{
        firstVisit {{ source landingPage occurredAt utmParameters {{ source medium campaign }} }}
      }}
      createdAt processedAt cancelledAt updatedAt
      lineItems(first: {NESTED_LINES}) {{ nodes {{ {LINE_ITEM} }} pageInfo {{ hasNextPage endCursor }} }}
      transactions(first: {NESTED_LIST}) {{ {TRANSACTION} }}
      refunds(first: {NESTED_LIST}) {{ {REFUND} }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

ORDER_LINE_ITEMS = f"""
query ($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{
    lineItems(first: $first, after: $after) {{ nodes {{ {LINE_ITEM} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}
"""
ORDER_TRANSACTIONS = f"""
query ($id: ID!, $first: Int!) {{
  order(id: $id) {{ transactions(first: $first) {{ {TRANSACTION} }} }}
}}
"""
ORDER_REFUNDS = """
query ($id: ID!, $first: Int!) {
  order(id: $id) { refunds(first: $first) { id } }
}
"""
# One by one: all of a long list with what each was of would cost more than a query may.
REFUND_ALONE = f"""
query ($id: ID!) {{
  refund(id: $id) {{ {REFUND} }}
}}
"""

REFUND_ENTRIES = {
    name: f"""
query ($id: ID!, $first: Int!, $after: String) {{
  refund(id: $id) {{
    {name}(first: $first, after: $after) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}
"""
    for name, fields in REFUND_LISTS.items()
}
DISPUTE = """
query ($id: ID!) {
  dispute(id: $id) { id status type initiatedAt finalizedOn amount { amount currencyCode } }
}
"""

# Everything that moved the balance: which of it a dispute caused is said by type and source.
BALANCE_TRANSACTIONS = """
query ($first: Int!, $after: String, $condition: String) {
  shopifyPaymentsAccount {
    balanceTransactions(first: $first, after: $after, query: $condition, sortKey: PROCESSED_AT, hideTransfers: true) {
      nodes {
        id type sourceType sourceId test transactionDate
        associatedOrder { id }
        amount { amount currencyCode }
        fee { amount currencyCode }
        net { amount currencyCode }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

# The separate list of deletions (`deletionEvents`) covers products and collections only.
DELETIONS = """
query ($first: Int!, $after: String, $condition: String) {
  events(first: $first, after: $after, query: $condition, sortKey: ID) {
    nodes { id action createdAt ... on BasicEvent { subjectId subjectType } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

CUSTOMERS = """
query ($first: Int!, $after: String, $filter: String) {
  customers(first: $first, after: $after, query: $filter, sortKey: UPDATED_AT) {
    nodes {
      id legacyResourceId firstName lastName numberOfOrders createdAt updatedAt
      defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
      defaultPhoneNumber { phoneNumber }
      defaultAddress { countryCodeV2 }
      metafield(namespace: "crm", key: "customer_number") { value }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

# Checkouts cannot be sorted by update: their filter is by update, their order by creation.
ABANDONED_CHECKOUTS = f"""
query ($first: Int!, $after: String, $filter: String) {{
  abandonedCheckouts(first: $first, after: $after, query: $filter, sortKey: CREATED_AT) {{
    nodes {{
      id createdAt completedAt updatedAt
      totalPriceSet {{ {MONEY} }}
      customer {{ id defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }} }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""


def without_unit_costs(query: str) -> str:
    """The query for a token that may not read what goods cost."""
    return query.replace(UNIT_COST, "")


def without_disputes(query: str) -> str:
    """The query for a token that may not read disputes."""
    return query.replace(DISPUTES, "")
